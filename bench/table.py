"""The table that a run prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was measured, our figure and the peer's. `more_is_better` says how to read the ratio.

    Where the peer has no such figure, `peers` is None.
    """

    what: str
    unit: str
    ours: float
    peers: float | None
    more_is_better: bool = True

    @property
    def ratio(self) -> float:
        """Return by how much we are ahead: above 1 is better than the peer. 0 where there is nothing to compare."""
        if self.peers is None:
            return 0.0
        better, worse = (self.ours, self.peers) if self.more_is_better else (self.peers, self.ours)
        return better / worse if worse else 0.0


def print_table(rows: Sequence[Row]) -> None:
    width = max((len(row.what) for row in rows), default=0)
    print(f"\n{'':<{width}}  {'Postroom':>10}  {'Postfix':>10}  {'ahead by':>8}")
    for row in rows:
        peers = "–" if row.peers is None else f"{row.peers:,.0f}"
        ratio = f"{row.ratio:.2f}×" if row.ratio else ""
        print(f"{row.what:<{width}}  {row.ours:>10,.0f}  {peers:>10}  {ratio:>8}  {row.unit}")
