"""Wrong passwords, remembered for a while: the more there are, the longer the next answer takes (reliability 2.9).

A lock holds for a pair of account and address only, so that a stranger can shut nobody out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from transport.smtpd.sources import source_of

WINDOW: Final = 15 * 60.0
MAX_REMEMBERED: Final = 50_000
FREE: Final = 3  # mistakes that cost nothing
LONGEST: Final = 10.0
LOCK_PAIR: Final = 20
LOCK_SOURCE: Final = 300
MANY_FOR_ACCOUNT: Final = 50  # from all addresses together
LONGEST_FOR_ACCOUNT: Final = 3.0


@dataclass(slots=True)
class _Failures:
    count: int
    since: float


class Throttle:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # By account and source, by source alone, and by account alone.
        self._failures: dict[tuple[str, str], _Failures] = {}
        self._successes: dict[tuple[str, str], None] = {}

    def delay(self, account: str, address: str) -> float:
        """Return the seconds to wait before an answer."""
        source = source_of(address)
        over = max(self._count(account, source) - FREE, (self._count("", source) - LOCK_PAIR) // 10)
        return max(_seconds(over, LONGEST), self._delay_by_account(account, source))

    def _delay_by_account(self, account: str, source: str) -> float:
        """Slow down a guesser who comes from many addresses, but not the owner where she has logged in before."""
        if (account, source) in self._successes:
            return 0.0
        return _seconds((self._count(account, "") - MANY_FOR_ACCOUNT) // 10, LONGEST_FOR_ACCOUNT)

    def is_locked(self, account: str, address: str) -> bool:
        source = source_of(address)
        return self._count(account, source) >= LOCK_PAIR or self._count("", source) >= LOCK_SOURCE

    def failed(self, account: str, address: str) -> None:
        source = source_of(address)
        for key in ((account, source), ("", source), (account, "")):
            self._failures.setdefault(key, _Failures(0, self._clock())).count += 1
        _drop_oldest(self._failures)

    def succeeded(self, account: str, address: str) -> None:
        key = (account, source_of(address))
        self._failures.pop(key, None)
        self._successes[key] = None
        _drop_oldest(self._successes)

    def _count(self, account: str, source: str) -> int:
        failures = self._failures.get((account, source))
        if failures is None:
            return 0
        if self._clock() - failures.since > WINDOW:
            del self._failures[account, source]
            return 0
        return failures.count


def _seconds(over: int, longest: float) -> float:
    return 0.0 if over < 0 else min(0.5 * 2 ** min(over, 10), longest)


def _drop_oldest(remembered: dict[tuple[str, str], Any]) -> None:
    while len(remembered) > MAX_REMEMBERED:
        del remembered[next(iter(remembered))]
