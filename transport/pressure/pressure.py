"""The pressure on one smtpd process: watched each second, asked at each MAIL, told when it changes."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from transport.pressure.levels import DEFAULTS, Level, Readings, Resource, Thresholds

logger = logging.getLogger(__name__)

# Exchange slows strangers by 10 s and then 5 s more each time; a modern sender gives up a slow peer sooner.
FIRST_DELAY: Final = 2.0
MORE_DELAY: Final = 1.0
LONGEST_DELAY: Final = 10.0
DEFER_AFTER: Final = 60.0  # seconds of medium after which strangers are put off rather than slowed
HISTORY: Final = 100  # changes that wait for the database; more is flapping, and the oldest go


@dataclass(frozen=True, slots=True)
class Change:
    """One resource went from one level to another."""

    at: datetime
    resource: Resource
    before: Level
    level: Level
    reading: float


class Pressure:
    """Holds each resource's level. `read` returns what the machine says; other parts tell their own by `note`."""

    def __init__(
        self,
        read: Callable[[], Readings] = dict,
        thresholds: Mapping[Resource, Thresholds] = DEFAULTS,
    ) -> None:
        self._read = read
        self._thresholds = thresholds
        self._noted: dict[Resource, float] = {}
        self._medium_since: float | None = None
        self.levels: dict[Resource, Level] = {}
        self.readings: dict[Resource, float] = {}
        self.changes: deque[Change] = deque(maxlen=HISTORY)
        self.level = Level.NORMAL

    def note(self, resource: Resource, reading: float) -> None:
        """Keep what another part has measured, until it measures again."""
        self._noted[resource] = reading

    def look(self, now: float) -> None:
        """Read everything and move the levels. `now` is monotonic, in seconds."""
        self.readings = {**self._noted, **self._read()}
        for resource, thresholds in self._thresholds.items():
            reading = self.readings.get(resource)
            if reading is None:
                continue
            before = self.levels.get(resource, Level.NORMAL)
            level = thresholds.move(before, reading)
            self.levels[resource] = level
            if level is not before:
                self._tell(Change(datetime.now(UTC), resource, before, level, reading))
        self.level = max(self.levels.values(), default=Level.NORMAL)
        if self.level is not Level.MEDIUM:
            self._medium_since = None
        elif self._medium_since is None:
            self._medium_since = now

    @property
    def cause(self) -> Resource | None:
        """Return the resource that presses most; None where nothing does."""
        pressing = [resource for resource, level in self.levels.items() if level is self.level]
        return pressing[0] if pressing and self.level is not Level.NORMAL else None

    def puts_off(self, now: float, *, is_stranger: bool) -> bool:
        """Return whether MAIL is answered `452 4.3.1`: at high everybody's, at medium strangers' after a minute."""
        if self.level is Level.HIGH:
            return True
        return is_stranger and self._medium_since is not None and now - self._medium_since >= DEFER_AFTER

    def delay(self, now: float, *, is_stranger: bool) -> float:
        """Return the seconds by which an answer to MAIL is held back: at medium, for strangers."""
        if not is_stranger or self._medium_since is None:
            return 0.0
        return min(FIRST_DELAY + MORE_DELAY * ((now - self._medium_since) // 5), LONGEST_DELAY)

    def _tell(self, change: Change) -> None:
        self.changes.append(change)
        log = logger.warning if change.level > change.before else logger.info
        log(
            "Back pressure: %s went from %s to %s at %.1f",
            change.resource,
            change.before.word,
            change.level.word,
            change.reading,
        )
