"""How fast a client has to send content: slowly is well, so slowly that it only holds a place is not."""

from __future__ import annotations

from typing import Final

WINDOW: Final = 60.0
# Octets a second, over a window: a bad line does more, and 36 MB take as long as a connection may last anyway.
LEAST: Final = 500


class Pace:
    __slots__ = ("_octets", "_since")

    def __init__(self, now: float, octets: int) -> None:
        self._since, self._octets = now, octets

    def is_too_slow(self, now: float, octets: int, patience: float, *, is_held_up: bool) -> bool:
        """Say whether the window that ends now brought too little; `is_held_up` when it was us who did not read.

        `octets` is what has come since the connection began, `patience` the seconds after which silence ends it.
        """
        if is_held_up:
            self._since, self._octets = now, octets
            return False
        elapsed = now - self._since
        if elapsed < min(WINDOW, patience):
            return False
        has_brought = octets - self._octets
        self._since, self._octets = now, octets
        return has_brought < LEAST * elapsed
