"""The greylisting peer: the first try of a client, sender and recipient has to wait, a later one is welcome."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence

from typing_extensions import override

from postroom.lab.config import Endpoint
from postroom.lab.network import Network
from postroom.lab.peers import replies
from postroom.lab.peers.peer import Attempt, Peer
from postroom.lab.sites import PeerSite

REMEMBERED = 10_000


class GreylistPeer(Peer):
    def __init__(
        self,
        site: PeerSite,
        endpoint: Endpoint,
        network: Network,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(site, endpoint, network)
        self.seconds = seconds
        self._clock = clock
        self._first_seen: dict[tuple[str, str, str], float] = {}

    @property
    @override
    def checks(self) -> Sequence[Callable[[Attempt], Awaitable[str | None]]]:
        return (*super().checks, self.check_patience)

    async def check_patience(self, attempt: Attempt) -> str | None:
        now = self._clock()
        key = attempt.client, attempt.sender.lower(), attempt.recipient.lower()
        if len(self._first_seen) >= REMEMBERED:
            self._first_seen.pop(next(iter(self._first_seen)))
        left = self._first_seen.setdefault(key, now) + self.seconds - now
        return replies.GREYLISTED.format(seconds=math.ceil(left)) if left > 0 else None
