"""Levels of pressure, and the thresholds between them; no clock, no machine, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class Level(IntEnum):
    NORMAL = 0
    MEDIUM = 1
    HIGH = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class Resource(StrEnum):
    """What can run short; the value is its name in settings, metrics and pages."""

    DISK = "disk_used"  # per cent of the disk that holds the data folder
    PROCESS_MEMORY = "process_memory"  # per cent of the machine's memory, held by one smtpd process
    MACHINE_MEMORY = "machine_memory"  # per cent of the machine's memory in use, caches apart
    DATABASE_LATENCY = "database_latency"  # milliseconds that the database takes for one small commit
    COMMIT_BACKLOG = "commit_backlog"  # messages of one smtpd process that wait for the database
    QUEUE_LENGTH = "queue_length"  # recipients that wait in all queues, as the database estimates them


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Exchange's three: `medium` and `high` are reached going up; coming down, medium ends below `normal`.

    High ends below `medium`. The gap is what keeps a level from flapping.
    """

    normal: float
    medium: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.normal <= self.medium <= self.high:
            raise ValueError("thresholds are normal ≤ medium ≤ high")

    def move(self, before: Level, reading: float) -> Level:
        """Return the level that follows `before` at this reading."""
        if reading >= self.high:
            return Level.HIGH
        if reading >= self.medium:
            return max(before, Level.MEDIUM)
        if reading >= self.normal:
            return min(before, Level.MEDIUM)
        return Level.NORMAL


Readings = Mapping[Resource, float]

# The disk's and the memory's are Exchange 2013's and 2016's (reference §9); the others follow from what one machine
# was measured to carry.
DEFAULTS: Final[Mapping[Resource, Thresholds]] = MappingProxyType(
    {
        Resource.DISK: Thresholds(94, 96, 98),
        Resource.PROCESS_MEMORY: Thresholds(71, 73, 75),
        Resource.MACHINE_MEMORY: Thresholds(84, 88, 94),
        Resource.DATABASE_LATENCY: Thresholds(500, 1_500, 4_000),
        Resource.COMMIT_BACKLOG: Thresholds(500, 2_000, 4_000),
        Resource.QUEUE_LENGTH: Thresholds(2_000_000, 3_000_000, 5_000_000),
    }
)


def parse_thresholds(text: str) -> dict[Resource, Thresholds]:
    """Read `disk_used=90/93/96, machine_memory=80/85/90` over the defaults. Raises ValueError that says what is wrong.

    The three numbers are normal/medium/high; `off` instead of them stops watching the resource.
    """
    thresholds = dict(DEFAULTS)
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, values = part.partition("=")
        try:
            resource = Resource(name.strip())
        except ValueError:
            known = ", ".join(Resource)
            raise ValueError(f"{name.strip()!r} is nothing that is watched; write one of {known}") from None
        if values.strip() == "off":
            thresholds.pop(resource, None)
            continue
        numbers = values.split("/")
        try:
            normal, medium, high = (float(number) for number in numbers)
            thresholds[resource] = Thresholds(normal, medium, high)
        except ValueError:
            raise ValueError(
                f"{values.strip()!r} for {resource} is not normal/medium/high, three rising numbers"
            ) from None
    return thresholds
