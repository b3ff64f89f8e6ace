"""How many connections there are: of a receive connector, of one source; who waits for a place when all are taken.

When all places are taken those who only hold theirs lose it sooner, and a newcomer waits some seconds for one
instead of being turned away (reliability PF6).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import UUID

from transport.smtpd.connectors import Connector
from transport.smtpd.shared import Shared
from transport.smtpd.sources import source_of

if TYPE_CHECKING:
    from transport.smtpd.session import Session

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 100
PATIENCE: Final = 10.0  # seconds that a newcomer waits for a place
# Seconds of silence that are tolerated while others wait, so that they have their place within PATIENCE.
PRESSED_IDLE: Final = 8.0
TICK: Final = 1.0


class Crowd:
    def __init__(self, shared: Shared | None = None) -> None:
        self._shared = shared
        self.sessions: set[Session] = set()
        self._by_connector: Counter[UUID] = Counter()
        self._by_source: Counter[tuple[UUID, str]] = Counter()
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}

    def is_at_limit(self, connector: Connector, address: str) -> bool:
        """Say whether this source has all the connections that it may have."""
        limit = connector.max_connections_per_source
        if connector.percentage_per_source < 100:
            # A share of what is free: the fuller it gets, the less one source may take of the rest (reference §4).
            free = connector.max_connections - self._by_connector[connector.id]
            limit = min(limit, max(1, free * connector.percentage_per_source // 100))
        key = (connector.id, source_of(address))
        elsewhere = self._shared.connections_elsewhere(key) if self._shared is not None else 0
        return self._by_source[key] + elsewhere >= limit

    def is_pressed(self, connector: Connector) -> bool:
        """Say whether the connector's places are taken, or all but a tenth."""
        limit = connector.max_connections
        return self._by_connector[connector.id] >= max(1, limit - limit // 10)

    async def enter(self, session: Session, connector: Connector, address: str) -> bool:
        """Take a place; wait for one if there is none. False if none became free in time."""
        key = (connector.id, source_of(address))
        self._by_source[key] += 1
        if self._shared is not None:
            self._shared.enter(key)
        self.sessions.add(session)
        if self._by_connector[connector.id] < connector.max_connections:
            self._by_connector[connector.id] += 1
            return True
        if await self._wait(connector):
            return True
        self._forget(session, connector, address)
        return False

    def leave(self, session: Session, connector: Connector, address: str) -> None:
        self._forget(session, connector, address)
        # The place goes from hand to hand: whoever comes just now does not take it from those who wait.
        heir = self._next_in_line(connector)
        if heir is not None:
            heir.set_result(None)
        else:
            self._by_connector[connector.id] -= 1

    def _next_in_line(self, connector: Connector) -> asyncio.Future[None] | None:
        """Return whose turn it is; who gave up in this very moment is passed over."""
        if self._by_connector[connector.id] > connector.max_connections:
            return None
        waiting = self._waiting.get(connector.id) or deque()
        while waiting:
            place = waiting.popleft()
            if not place.done():
                return place
        return None

    def _forget(self, session: Session, connector: Connector, address: str) -> None:
        key = (connector.id, source_of(address))
        self.sessions.discard(session)
        self._by_source[key] -= 1
        if not self._by_source[key]:
            del self._by_source[key]
        if self._shared is not None:
            self._shared.leave(key)

    async def _wait(self, connector: Connector) -> bool:
        waiting = self._waiting.setdefault(connector.id, deque())
        if len(waiting) >= MAX_WAITING:
            return False
        place = asyncio.get_running_loop().create_future()
        waiting.append(place)
        try:
            async with asyncio.timeout(PATIENCE):
                await place
        except TimeoutError:
            if place.cancelled() or not place.done():
                with suppress(ValueError):  # whoever left in the meantime has passed us over
                    waiting.remove(place)
                return False
        return True

    async def watch(self) -> None:
        """Look at everybody's clock, each second."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK)
            if self._shared is not None:
                self._shared.tend()
            now = loop.time()
            pressed = {session.connector.id for session in self.sessions if self.is_pressed(session.connector)}
            for session in [*self.sessions]:
                patience = session.idle_timeout
                if session.connector.id in pressed:
                    patience = min(patience, PRESSED_IDLE)
                try:
                    session.look_at_clock(now, patience)
                except Exception:  # one connection in an odd state must not stop the clock of all
                    logger.exception("A session could not be looked at")
