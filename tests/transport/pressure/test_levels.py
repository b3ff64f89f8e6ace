"""Thresholds rise and fall apart from one another (Exchange's back pressure, reference §9)."""

from __future__ import annotations

import pytest

from transport.pressure.levels import DEFAULTS, Level, Resource, Thresholds, parse_thresholds
from transport.pressure.pressure import DEFER_AFTER, LONGEST_DELAY, Pressure
from transport.pressure.readings import MachineReader, disk_reading

N, M, H = Level.NORMAL, Level.MEDIUM, Level.HIGH


@pytest.mark.parametrize(
    ("before", "reading", "after"),
    [
        (N, 50, N),
        (N, 85, N),  # between normal and medium: going up nothing happens yet
        (N, 90, M),
        (N, 99, H),
        (M, 85, M),  # coming down it lasts
        (M, 79, N),
        (M, 95, H),
        (H, 92, H),  # high lasts until below medium
        (H, 89, M),
        (H, 10, N),
    ],
)
def test_a_level_follows_from_the_one_before_and_the_reading(before: Level, reading: float, after: Level) -> None:
    assert Thresholds(80, 90, 95).move(before, reading) is after


def test_a_setting_replaces_the_defaults_of_what_it_names() -> None:
    thresholds = parse_thresholds("disk_used=80/85/90, queue_length=off")
    assert thresholds[Resource.DISK] == Thresholds(80, 85, 90)
    assert Resource.QUEUE_LENGTH not in thresholds
    assert thresholds[Resource.MACHINE_MEMORY] == DEFAULTS[Resource.MACHINE_MEMORY]


@pytest.mark.parametrize("text", ["disk=1/2/3", "disk_used=3/2/1", "disk_used=1/2", "disk_used=a/b/c", "disk_used"])
def test_a_wrong_setting_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"disk"):
        parse_thresholds(text)


def test_pf3_a_disk_without_room_for_the_largest_message_is_full_at_any_percentage() -> None:
    assert disk_reading(used=10, free=1_000_000, largest=100) < 1
    assert disk_reading(used=10, free=149, largest=100) == 100


def test_this_machine_can_be_read(tmp_path: object) -> None:
    readings = MachineReader(tmp_path, 1)()  # type: ignore[arg-type]
    assert 0 < readings[Resource.DISK] <= 100
    assert 0 < readings[Resource.PROCESS_MEMORY] < readings[Resource.MACHINE_MEMORY] <= 100


def test_medium_slows_strangers_more_and_more_and_then_puts_them_off() -> None:
    disk = {Resource.DISK: 97.0}
    pressure = Pressure(lambda: disk)
    pressure.look(100.0)
    assert (pressure.level, pressure.cause) == (M, Resource.DISK)
    delays = [pressure.delay(100.0 + seconds, is_stranger=True) for seconds in (0, 10, 20, 59)]
    assert delays == sorted(delays)
    assert 0 < delays[0] < delays[-1] <= LONGEST_DELAY
    assert not pressure.puts_off(100.0 + DEFER_AFTER - 1, is_stranger=True)
    assert pressure.puts_off(100.0 + DEFER_AFTER, is_stranger=True)
    assert pressure.delay(160.0, is_stranger=False) == 0
    assert not pressure.puts_off(160.0, is_stranger=False)


def test_high_puts_everybody_off_until_the_shortage_is_over() -> None:
    disk = {Resource.DISK: 99.0}
    pressure = Pressure(lambda: disk)
    pressure.look(0.0)
    assert pressure.puts_off(0.0, is_stranger=False)
    disk[Resource.DISK] = 50.0
    pressure.look(1.0)
    assert not pressure.puts_off(1.0, is_stranger=True)
    assert [(change.before, change.level) for change in pressure.changes] == [(N, H), (H, N)]


def test_what_others_measure_counts_until_they_measure_again() -> None:
    pressure = Pressure()
    pressure.note(Resource.DATABASE_LATENCY, 9_000)
    pressure.look(0.0)
    pressure.look(1.0)
    assert (pressure.level, pressure.cause) == (H, Resource.DATABASE_LATENCY)
    pressure.note(Resource.DATABASE_LATENCY, 2)
    pressure.look(2.0)
    assert (pressure.level, pressure.cause) == (N, None)
