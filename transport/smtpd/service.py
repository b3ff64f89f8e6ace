"""What the sessions of one daemon share: configuration, look-ups, the writer, log-ins, counts of connections."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from django.conf import settings

from transport.queue.configuration import Configuration
from transport.queue.snapshots import Decide, adecide
from transport.routing.receive import Binding
from transport.routing.snapshot import Need
from transport.smtpd.auth import Authenticator
from transport.smtpd.certificate import Certificate
from transport.smtpd.connectors import Connector, ConnectorTable, own_ports
from transport.smtpd.link import Connection, Link
from transport.smtpd.refusals import Refusals
from transport.smtpd.wakeup import WakeUp
from transport.smtpd.writer import Writer

if TYPE_CHECKING:
    from transport.smtpd.session import Session

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Content that was too long for memory is brought back for the commit by so few at a time.
LARGE_AT_ONCE: Final = 2


class Service:
    def __init__(self, *, ports: Mapping[str, Binding] | None = None, certificate: Certificate | None = None) -> None:
        self.ports = own_ports() if ports is None else ports
        self.certificate = certificate or Certificate()
        self.configuration = Configuration()
        self.table = ConnectorTable((), self.ports)
        self.look_ups = Link("postroom smtpd look-ups")
        self.wakeup = WakeUp()
        self.writer = Writer(Link("postroom smtpd writer"), self.wakeup.ring)
        self.authenticator = Authenticator(self.look_ups)
        self.refusals = Refusals()
        self.large = asyncio.Semaphore(LARGE_AT_ONCE)
        self.sessions: set[Session] = set()
        self.is_stopping = False
        self.hostname: str = settings.POSTROOM_HOSTNAME
        self._by_connector: Counter[UUID] = Counter()
        self._by_source: Counter[tuple[UUID, str]] = Counter()

    async def decide(self, decide: Decide[T]) -> T:
        """Ask routing; without waiting where the cache knows everything. Raises DatabaseAway."""
        result = decide(self.configuration.snapshot)
        if not isinstance(result, Need):
            return result

        def load(connection: Connection) -> Awaitable[T]:
            return adecide(connection, self.configuration, decide)

        return await self.look_ups.run_again(load)

    def has_room(self, connector: Connector, source: str) -> bool:
        return (
            self._by_connector[connector.id] < connector.max_connections
            and self._by_source[connector.id, source] < connector.max_connections_per_source
        )

    def enter(self, session: Session, connector: Connector, source: str) -> None:
        self.sessions.add(session)
        self._by_connector[connector.id] += 1
        self._by_source[connector.id, source] += 1

    def leave(self, session: Session, connector: Connector, source: str) -> None:
        self.sessions.discard(session)
        self._by_connector[connector.id] -= 1
        self._by_source[connector.id, source] -= 1
        if not self._by_source[connector.id, source]:
            del self._by_source[connector.id, source]

    async def close(self) -> None:
        self.wakeup.close()
        self.authenticator.close()
        await self.look_ups.close()
        await self.writer.close()
