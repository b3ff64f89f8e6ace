"""Bars over time as SVG: attributes only, so that it needs no script and no inline style (strict CSP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 160
BASE: Final = 130  # the line that the bars stand on; labels are below
TOP: Final = 14


@dataclass(frozen=True, slots=True)
class Slot:
    """One hour or day: what came in, what went out, what failed."""

    at: datetime
    label: str  # under the axis; empty where there is no room
    incoming: int
    outgoing: int
    failed: int


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Drawn:
    slot: Slot
    x: float
    width: float
    middle: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    slots: tuple[Drawn, ...]
    highest: int
    width: int = WIDTH
    height: int = HEIGHT
    base: int = BASE
    top: int = TOP

    @property
    def has_anything(self) -> bool:
        return any(one.slot.incoming or one.slot.outgoing or one.slot.failed for one in self.slots)


def draw(title: str, slots: Sequence[Slot]) -> Chart:
    """Return the chart of some slots, side by side: three bars each, all on one scale."""
    highest = max((max(slot.incoming, slot.outgoing, slot.failed) for slot in slots), default=0)
    step = WIDTH / max(1, len(slots))
    drawn = tuple(_drawn(slot, at * step, step, highest) for at, slot in enumerate(slots))
    return Chart(title, drawn, highest)


def _drawn(slot: Slot, x: float, step: float, highest: int) -> Drawn:
    width = step * 0.28
    kinds = (("in", slot.incoming), ("out", slot.outgoing), ("failed", slot.failed))
    bars = []
    for at, (kind, value) in enumerate(kinds):
        height = (BASE - TOP) * value / highest if highest else 0.0
        if value:
            height = max(height, 1.0)  # one message in a million is still there to be seen
        bars.append(Bar(kind, round(x + step * 0.08 + at * width, 1), round(BASE - height, 1), width, round(height, 1)))
    return Drawn(slot, round(x, 1), round(step, 1), round(x + step / 2, 1), tuple(bars))
