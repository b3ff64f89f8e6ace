"""Wrong passwords, remembered for a while: the more there are, the longer the next answer takes (reliability 2.9).

A lock holds for a pair of account and address only, so that a stranger can shut nobody out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from transport.smtpd.sources import source_of

WINDOW: Final = 15 * 60.0
MAX_REMEMBERED: Final = 50_000
FREE: Final = 3  # mistakes that cost nothing
LONGEST: Final = 10.0
LOCK_PAIR: Final = 20
LOCK_SOURCE: Final = 300


@dataclass(slots=True)
class _Failures:
    count: int
    since: float


class Throttle:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], _Failures] = {}

    def delay(self, account: str, address: str) -> float:
        """Return the seconds to wait before an answer."""
        over = max(self._count(account, address) - FREE, (self._count("", address) - LOCK_PAIR) // 10)
        return 0.0 if over < 0 else min(0.5 * 2 ** min(over, 10), LONGEST)

    def is_locked(self, account: str, address: str) -> bool:
        return self._count(account, address) >= LOCK_PAIR or self._count("", address) >= LOCK_SOURCE

    def failed(self, account: str, address: str) -> None:
        for key in ((account, source_of(address)), ("", source_of(address))):
            self._failures.setdefault(key, _Failures(0, self._clock())).count += 1
        while len(self._failures) > MAX_REMEMBERED:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, account: str, address: str) -> None:
        self._failures.pop((account, source_of(address)), None)

    def _count(self, account: str, address: str) -> int:
        key = (account, source_of(address))
        failures = self._failures.get(key)
        if failures is None:
            return 0
        if self._clock() - failures.since > WINDOW:
            del self._failures[key]
            return 0
        return failures.count
