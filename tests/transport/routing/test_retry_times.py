"""The times that come of a retry clock, without counting them one by one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from transport.routing.retry import EXCHANGE_CLOCK, RetryClock
from transport.routing.retry_times import MomentKind, moments, offset_text


@pytest.mark.parametrize("text", ["1m*4, 5m*6, 10m", "10m", "7s*3, 1m", "1h*2, 30m*3, 2h"])
@pytest.mark.parametrize("minutes", [0, 1, 4, 5, 34, 35, 60, 599])
def test_attempts_are_counted_as_they_would_come(text: str, minutes: int) -> None:
    clock = RetryClock.parse(text)
    times = clock.preview(10_000)
    limit = timedelta(minutes=minutes)
    assert clock.attempts_before(limit) == sum(time < limit for time in times)
    assert [clock.offset_of(number + 1) for number in range(len(times))] == list(times)


def test_exchanges_clock_is_told_in_short() -> None:
    told = [(one.kind.value, one.number, one.offset) for one in moments(EXCHANGE_CLOCK, first=3)]
    assert told == [
        ("attempt", 1, "+00:00"),
        ("attempt", 2, "+00:01"),
        ("attempt", 3, "+00:02"),
        ("more", 28, "+00:03"),
        ("delay_notice", 0, "+04:00"),
        ("more", 263, "+04:04"),
        ("attempt", 295, "+47:54"),
        ("expiry", 0, "+48:00"),
    ]
    numbers = sum(one.number if one.kind is MomentKind.MORE else 1 for one in moments(EXCHANGE_CLOCK))
    assert numbers - 2 == EXCHANGE_CLOCK.attempts_before(EXCHANGE_CLOCK.expiry)


def test_a_clock_of_a_second_for_months_is_told_as_quickly() -> None:
    clock = RetryClock.parse("1s", expiry=timedelta(days=90), delay_notice=timedelta(seconds=5))
    assert clock.attempts_before(clock.expiry) == 90 * 86_400
    told = moments(clock, first=2)
    assert [one.kind.value for one in told][2:5] == ["more", "delay_notice", "more"]
    assert told[-2].number == 90 * 86_400


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "+00:00"), (90, "+00:01:30"), (3600, "+01:00"), (48 * 3600, "+48:00")]
)
def test_offsets_are_hours_and_minutes(seconds: int, text: str) -> None:
    assert offset_text(timedelta(seconds=seconds)) == text
