"""What the other smtpd processes of this machine count, so that a source's limits hold for all of them together.

A file is mapped into each of them. Everyone writes to a column of its own and reads the others', so nobody waits for
anybody. Keys are not kept: each goes by its digest to one place in each of two rows, and counts as the smaller of what
stands there; two keys that meet in both (one in 100,000, where a thousand are counted) count together. Whoever dies
leaves its column to be cleared by the next who looks. With one process there is none of this.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final

from django.conf import settings

logger = logging.getLogger(__name__)

WIDTH: Final = 1 << 14  # places of a row
_ROWS: Final = 2
_CONNECTIONS: Final = 0
_MESSAGES: Final = _ROWS * WIDTH
_MINUTE: Final = 2 * _ROWS * WIDTH  # of the column's messages
_COLUMN: Final = _MINUTE + 1  # in numbers of 32 bits
_BYTES: Final = 4

Key = tuple[object, str]


class Shared:
    """One process's view. `clock` is in seconds, and the same for all processes."""

    def __init__(self, folder: Path, processes: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._processes = processes
        self._own: int | None = None
        folder.mkdir(parents=True, exist_ok=True)
        # One lock a column: the system lets go of it when its holder dies, however that happens.
        self._locks = [os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600) for number in range(processes)]
        file = os.open(folder / f"counts-{processes}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, processes * _COLUMN * _BYTES)
            self._numbers = memoryview(mmap.mmap(file, processes * _COLUMN * _BYTES)).cast("I")
        finally:
            os.close(file)
        self.tend()

    @classmethod
    def from_settings(cls, clock: Callable[[], float]) -> Shared | None:
        processes = settings.POSTROOM_SMTPD_PROCESSES
        return cls(settings.POSTROOM_DATA_DIR / "smtpd", processes, clock) if processes > 1 else None

    def enter(self, key: Key) -> None:
        """Count a connection of ours."""
        if self._own is not None:
            for place in _places(key):
                self._numbers[self._own * _COLUMN + _CONNECTIONS + place] += 1

    def leave(self, key: Key) -> None:
        if self._own is not None:
            for place in _places(key):
                at = self._own * _COLUMN + _CONNECTIONS + place
                self._numbers[at] -= self._numbers[at] > 0

    def connections_elsewhere(self, key: Key) -> int:
        """Return how many connections the other processes have of this source."""
        return self._least(self._others(), _CONNECTIONS, key)

    def take_message(self, key: Key) -> None:
        """Count a message of ours in this minute of the clock."""
        if self._own is None:
            return
        column, minute = self._own * _COLUMN, self._minute()
        if self._numbers[column + _MINUTE] != minute:
            self._clear(column + _MESSAGES, _ROWS * WIDTH)
            self._numbers[column + _MINUTE] = minute
        for place in _places(key):
            self._numbers[column + _MESSAGES + place] += 1

    def messages_elsewhere(self, key: Key) -> int:
        """Return how many messages the other processes took of this source in this minute of the clock."""
        minute = self._minute()
        columns = [column for column in self._others() if self._numbers[column + _MINUTE] == minute]
        return self._least(columns, _MESSAGES, key)

    def _least(self, columns: list[int], kind: int, key: Key) -> int:
        return min(sum(self._numbers[column + kind + place] for column in columns) for place in _places(key))

    def tend(self) -> None:
        """Clear what processes that are gone have left, and take a column where we have none."""
        for number, lock in enumerate(self._locks):
            if number == self._own:
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # somebody is at work there
            self._clear(number * _COLUMN, _COLUMN)
            if self._own is None:
                self._own = number
            else:
                fcntl.flock(lock, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._own is not None:
            self._clear(self._own * _COLUMN, _COLUMN)
            self._own = None
        for lock in self._locks:
            os.close(lock)
        self._locks = []

    def _others(self) -> list[int]:
        return [number * _COLUMN for number in range(self._processes) if number != self._own]

    def _minute(self) -> int:
        return int(self._clock() // 60) & 0xFFFF_FFFF

    def _clear(self, start: int, size: int) -> None:
        # Looked at first: a column that is empty is not made real by zeros.
        if any(self._numbers[start : start + size]):
            self._numbers[start : start + size] = memoryview(bytes(size * _BYTES)).cast("I")


def _places(key: Key) -> tuple[int, ...]:
    digest = blake2b(f"{key[0]}\0{key[1]}".encode(), digest_size=8).digest()
    numbers = (int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big"))
    return tuple(row * WIDTH + number % WIDTH for row, number in enumerate(numbers))
