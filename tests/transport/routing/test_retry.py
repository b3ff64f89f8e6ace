"""The retry clock: Exchange's default, the readable syntax, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from transport.routing.retry import EXCHANGE_CLOCK, InvalidRetrySchedule, RetryClock, format_duration, parse_duration

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def minutes(*numbers: float) -> list[timedelta]:
    return [timedelta(minutes=number) for number in numbers]


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(0, 1), (1, 1), (4, 1), (5, 5), (10, 5), (11, 10), (12, 10), (1000, 10), (10**12, 10)],
)
def test_exchanges_clock_waits(failures: int, wait: int) -> None:
    assert EXCHANGE_CLOCK.interval_after(failures) == timedelta(minutes=wait)
    assert EXCHANGE_CLOCK.next_attempt(NOON, failures) == NOON + timedelta(minutes=wait)


def test_exchanges_clock_tries_at_once_then_at_these_minutes() -> None:
    assert [*EXCHANGE_CLOCK.preview(13)] == minutes(0, 1, 2, 3, 4, 9, 14, 19, 24, 29, 34, 44, 54)


def test_exchanges_clock_gives_notice_after_four_hours_and_up_after_two_days() -> None:
    assert EXCHANGE_CLOCK.notice_at(NOON) == NOON + timedelta(hours=4)
    assert EXCHANGE_CLOCK.expires_at(NOON) == NOON + timedelta(days=2)


def test_a_preview_ends_with_expiry() -> None:
    clock = RetryClock.parse("10m", expiry=timedelta(minutes=25), delay_notice=timedelta(minutes=5))

    assert [*clock.preview(100)] == minutes(0, 10, 20)
    assert clock.preview(0) == clock.preview(-1) == ()


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("1m*4, 5m*6, 10m", "1m*4, 5m*6, 10m"),
        ("1m*4,5m * 6,10m", "1m*4, 5m*6, 10m"),
        ("60s*4, 10m", "1m*4, 10m"),
        ("90s*1, 1h30m", "1m30s*1, 1h30m"),
        ("20d", "20d"),
    ],
)
def test_a_schedule_reads_back_as_it_is_written(text: str, normal: str) -> None:
    clock = RetryClock.parse(text)

    assert str(clock) == normal
    assert RetryClock.parse(str(clock)) == clock


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a step"),
        ("10", "is not a step"),
        ("10m,", "is not a step"),
        ("-1m", "is not a step"),
        ("1m*x, 10m", "is not a step"),
        ("1 m", "is not a step"),
        ("1m*4", "must have no count"),
        ("1m, 10m", "Only the last step"),
        ("1m*0, 10m", "repeats 1 to 100"),
        ("1m*101, 10m", "repeats 1 to 100"),
        ("0s", "from 1s to 20d"),
        ("21d", "from 1s to 20d"),
        ("5m1h", "not a duration"),
        ("1m1m", "not a duration"),
        ("1m*1," * 10 + "1m", "more than 10 steps"),
        ("²m", "is not a step"),
    ],
)
def test_a_schedule_that_would_not_work_is_refused_with_its_reason(text: str, says: str) -> None:
    with pytest.raises(InvalidRetrySchedule, match=says):
        RetryClock.parse(text)


@pytest.mark.parametrize(
    ("expiry", "notice"),
    [
        (timedelta(seconds=4), timedelta(seconds=1)),
        (timedelta(days=91), timedelta(hours=4)),
        (timedelta(hours=4), timedelta(hours=4)),
        (timedelta(days=2), timedelta(0)),
    ],
)
def test_expiry_and_notice_are_held_within_bounds(expiry: timedelta, notice: timedelta) -> None:
    with pytest.raises(InvalidRetrySchedule):
        RetryClock.parse("10m", expiry=expiry, delay_notice=notice)


@pytest.mark.parametrize("text", ["1s", "1m", "1h30m", "2d", "1d1h1m1s"])
def test_a_duration_reads_back_as_it_is_written(text: str) -> None:
    assert format_duration(parse_duration(text)) == text
