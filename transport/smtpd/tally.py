"""What one daemon has done since it started, counted in memory: shown by /metrics, written with each heart-beat."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any, Final

from transport.message.reply import Reply

# Seconds from the end of DATA to 250; the last bucket is everything above.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MAX_REPLIES: Final = 100  # different ones; what a client can make us say is a short list


class Tally:
    def __init__(self) -> None:
        self.connections = self.accepted = self.octets = 0
        self.seconds = 0.0
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._refused: Counter[str] = Counter()

    def connect(self) -> None:
        self.connections += 1

    def accept(self, octets: int, seconds: float) -> None:
        """Count one message that is on disk, and how long its client waited for that."""
        self.accepted += 1
        self.octets += octets
        self.seconds += seconds
        self._buckets[bisect_left(BUCKETS, seconds)] += 1

    def refuse(self, reply: Reply) -> None:
        """Count one answer of 4xx or 5xx, by its codes."""
        name = f"{reply.code} {reply.enhanced or ''}".strip()
        if name in self._refused or len(self._refused) < MAX_REPLIES:
            self._refused[name] += 1

    def report(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return {
            "connections": self.connections,
            "accepted": self.accepted,
            "octets": self.octets,
            "seconds": round(self.seconds, 3),
            "buckets": list(self._buckets),
            "refused": dict(self._refused),
        }
