"""The retry clock as the times that come of it, for whoever sets it: attempts, the delay notice, the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from transport.routing.retry import RetryClock

FIRST: Final = 12  # attempts that are told one by one


class MomentKind(StrEnum):
    ATTEMPT = "attempt"
    MORE = "more"
    DELAY_NOTICE = "delay_notice"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happens so long after a message's arrival, if nothing but failures came before.

    `number` is that of an attempt; of MORE, how many attempts are left out here.
    """

    kind: MomentKind
    after: timedelta
    number: int = 0

    @property
    def offset(self) -> str:
        return offset_text(self.after)

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        seconds = int(self.after.total_seconds())
        return {"kind": self.kind.value, "number": self.number, "after": self.offset, "seconds": seconds}


def moments(clock: RetryClock, first: int = FIRST) -> tuple[Moment, ...]:
    """Return the first attempts, the last one, the delay notice and the end in their order."""
    return tuple(_moments(clock, first))


def _moments(clock: RetryClock, first: int) -> Iterator[Moment]:
    total = clock.attempts_before(clock.expiry)
    shown = sorted({*range(1, min(first, total) + 1), total})
    marks = [Moment(MomentKind.ATTEMPT, clock.offset_of(number), number) for number in shown]
    marks.append(Moment(MomentKind.DELAY_NOTICE, clock.delay_notice))
    marks.append(Moment(MomentKind.EXPIRY, clock.expiry))
    told = 0
    for mark in sorted(marks, key=lambda each: each.after):
        earlier = mark.number - 1 if mark.kind is MomentKind.ATTEMPT else clock.attempts_before(mark.after)
        if earlier > told:
            yield Moment(MomentKind.MORE, clock.offset_of(told + 1), earlier - told)
            told = earlier
        yield mark
        told = max(told, mark.number)


def offset_text(after: timedelta) -> str:
    """Write “+04:00”, hours and minutes after arrival, with seconds where there are any."""
    minutes, seconds = divmod(int(after.total_seconds()), 60)
    text = f"+{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text
