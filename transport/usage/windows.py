"""Hours and days of the clock, in UTC, as numbers since 1970: what usage is counted by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

HOUR: Final = 3600
DAY: Final = 86_400


def hour_of(moment: float) -> int:
    return int(moment) // HOUR


def day_of_hour(hour: int) -> int:
    return hour * HOUR // DAY


def hour_start(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR, UTC)


def day_start(day: int) -> datetime:
    return datetime.fromtimestamp(day * DAY, UTC)
