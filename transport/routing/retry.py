"""The retry clock (RFC 5321 4.5.4.1): when a failed delivery is tried again, its sender told, its message given up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, repeat, takewhile
from typing import Final

from typing_extensions import override

from transport.routing.wording import fill
from transport.routing.wording import gettext_noop as _

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_STEP = re.compile(r"(?P<interval>(?:[0-9]{1,7}[dhms])+)(?:\s*\*\s*(?P<count>[0-9]{1,4}))?\Z")
_PART = re.compile(r"([0-9]+)([dhms])")

# Exchange's ranges (reference §5), but more retries of a step than its 15.
MIN_INTERVAL: Final = timedelta(seconds=1)
MAX_INTERVAL: Final = timedelta(days=20)
MAX_COUNT: Final = 100
MAX_STEPS: Final = 10
MIN_EXPIRY: Final = timedelta(seconds=5)
MAX_EXPIRY: Final = timedelta(days=90)


class InvalidRetrySchedule(ValueError):
    """The schedule cannot be read or would not work; the text says why."""

    reason_code = "retry.invalid_schedule"

    def __init__(self, template: str, **facts: object) -> None:
        super().__init__(fill(template, facts))
        self.template = template
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Step:
    """Retry `count` times after `interval`; None: for ever after."""

    interval: timedelta
    count: int | None = None

    @override
    def __str__(self) -> str:
        return format_duration(self.interval) + ("" if self.count is None else f"*{self.count}")


@dataclass(frozen=True, slots=True)
class RetryClock:
    """A schedule of retries with expiry and delay notice, all counted from the message's arrival."""

    steps: tuple[Step, ...]
    expiry: timedelta = timedelta(days=2)
    delay_notice: timedelta = timedelta(hours=4)

    def __post_init__(self) -> None:
        _check_steps(self.steps)
        _check_limits(self.expiry, self.delay_notice)

    @classmethod
    def parse(
        cls, text: str, *, expiry: timedelta = timedelta(days=2), delay_notice: timedelta = timedelta(hours=4)
    ) -> RetryClock:
        """Read `1m*4, 5m*6, 10m`: four times after a minute, six times after five, then every ten."""
        return cls(tuple(_parse_step(part.strip()) for part in text.split(",")), expiry, delay_notice)

    @override
    def __str__(self) -> str:
        return ", ".join(map(str, self.steps))

    def interval_after(self, failures: int) -> timedelta:
        """Return how long to wait after this many failed attempts, the first being 1."""
        left = max(failures, 1)
        for step in self.steps:
            if step.count is None or left <= step.count:
                return step.interval
            left -= step.count
        return self.steps[-1].interval

    @property
    def longest(self) -> timedelta:
        """The longest time between two attempts."""
        return max(step.interval for step in self.steps)

    def next_attempt(self, now: datetime, failures: int) -> datetime:
        return now + self.interval_after(failures)

    def expires_at(self, accepted_at: datetime) -> datetime:
        return accepted_at + self.expiry

    def notice_at(self, accepted_at: datetime) -> datetime:
        return accepted_at + self.delay_notice

    def preview(self, count: int) -> tuple[timedelta, ...]:
        """Return when the first attempts would come after arrival, the first at once, none past expiry."""
        return tuple(takewhile(lambda offset: offset < self.expiry, islice(self._offsets(), max(count, 0))))

    def offset_of(self, attempt: int) -> timedelta:
        """Return how long after arrival an attempt comes that only failures precede; the first, 1, comes at once."""
        left, offset = max(attempt, 1) - 1, timedelta(0)
        for step in self.steps:
            taken = left if step.count is None else min(left, step.count)
            offset += taken * step.interval
            left -= taken
        return offset

    def attempts_before(self, limit: timedelta) -> int:
        """Return how many attempts come sooner after arrival than this; it costs the same for a million of them."""
        if limit <= timedelta(0):
            return 0
        attempts, offset = 1, timedelta(0)
        for step in self.steps:
            # The k-th repetition comes at offset + k · interval, which has to lie below the limit.
            fitting = max(0, -((offset - limit) // step.interval) - 1)
            if step.count is None or fitting < step.count:
                return attempts + fitting
            attempts += step.count
            offset += step.count * step.interval
        return attempts

    def _offsets(self) -> Iterator[timedelta]:
        offset = timedelta(0)
        for interval in self._intervals():
            yield offset
            offset += interval

    def _intervals(self) -> Iterator[timedelta]:
        for step in self.steps:
            yield from repeat(step.interval) if step.count is None else repeat(step.interval, step.count)


def _check_steps(steps: tuple[Step, ...]) -> None:
    if not steps:
        raise InvalidRetrySchedule(_("The schedule is empty; write for example 1m*4, 5m*6, 10m."))
    if len(steps) > MAX_STEPS:
        raise InvalidRetrySchedule(_("The schedule has more than {limit} steps."), limit=MAX_STEPS)
    for step in steps:
        if not MIN_INTERVAL <= step.interval <= MAX_INTERVAL:
            raise InvalidRetrySchedule(_("“{step}”: an interval lasts from 1s to 20d."), step=step)
        if step.count is not None and not 1 <= step.count <= MAX_COUNT:
            raise InvalidRetrySchedule(_("“{step}”: a step repeats 1 to {limit} times."), step=step, limit=MAX_COUNT)
    if steps[-1].count is not None:
        raise InvalidRetrySchedule(_("The last step, “{step}”, must have no count: it repeats."), step=steps[-1])
    for step in steps[:-1]:
        if step.count is None:
            raise InvalidRetrySchedule(_("Only the last step may have no count; “{step}” is not the last."), step=step)


def _check_limits(expiry: timedelta, delay_notice: timedelta) -> None:
    if not MIN_EXPIRY <= expiry <= MAX_EXPIRY:
        raise InvalidRetrySchedule(_("Messages expire after 5s to 90d."))
    if not timedelta(0) < delay_notice < expiry:
        raise InvalidRetrySchedule(_("The delay notice must come before the message expires."))


def _parse_step(text: str) -> Step:
    match = _STEP.match(text)
    if match is None:
        raise InvalidRetrySchedule(_("“{text}” is not a step; write for example 1m*4, 90s or 1h30m."), text=text[:40])
    count = match["count"]
    return Step(parse_duration(match["interval"]), int(count) if count is not None else None)


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `5m`, `1h30m`, `2d`; largest unit first and each at most once."""
    parts = [(int(number), unit) for number, unit in _PART.findall(text)]
    units = [unit for _number, unit in parts]
    written = "".join(f"{number}{unit}" for number, unit in _PART.findall(text))
    if not parts or written != text or units != sorted(set(units), key="dhms".index):
        raise InvalidRetrySchedule(_("“{text}” is not a duration; write for example 90s, 5m or 1h30m."), text=text[:40])
    return timedelta(seconds=sum(number * _UNITS[unit] for number, unit in parts))


def format_duration(duration: timedelta) -> str:
    """Write a duration as `parse_duration` reads it."""
    left, text = int(duration.total_seconds()), ""
    for unit, seconds in _UNITS.items():
        number, left = divmod(left, seconds)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


EXCHANGE_CLOCK: Final = RetryClock.parse("1m*4, 5m*6, 10m")
