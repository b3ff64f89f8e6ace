"""What the sessions of one daemon share: configuration, look-ups, the writer, log-ins, counts of connections."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Final, TypeVar

from django.conf import settings

from transport.pressure.levels import parse_thresholds
from transport.pressure.pressure import Pressure
from transport.pressure.readings import MachineReader
from transport.queue.configuration import Configuration
from transport.queue.snapshots import Decide, adecide
from transport.routing.ranges import AddressRange, plain_address
from transport.routing.receive import Binding
from transport.routing.snapshot import Need
from transport.smtpd.allowance import Allowance
from transport.smtpd.auth import Authenticator
from transport.smtpd.certificate import Certificate
from transport.smtpd.connectors import ConnectorTable, own_ports
from transport.smtpd.crowd import Crowd
from transport.smtpd.identity import Identity
from transport.smtpd.ledger import Ledger
from transport.smtpd.link import Connection, Link
from transport.smtpd.memory import Memory
from transport.smtpd.rates import Rates
from transport.smtpd.refusals import Refusals
from transport.smtpd.shared import Shared
from transport.smtpd.tally import Tally
from transport.smtpd.wakeup import WakeUp
from transport.smtpd.writer import Writer

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Content that was too long for memory is brought back for the commit by so few at a time.
LARGE_AT_ONCE: Final = 2
LARGEST_MESSAGE: Final = 36 * 1024 * 1024  # what a receive connector takes unless it is told otherwise


class Service:
    def __init__(
        self,
        *,
        ports: Mapping[str, Binding] | None = None,
        certificate: Certificate | None = None,
        pressure: Pressure | None = None,
    ) -> None:
        self.ports = own_ports() if ports is None else ports
        self.certificate = certificate or Certificate()
        self.configuration = Configuration()
        self.table = ConnectorTable((), self.ports)
        self.look_ups = Link("postroom smtpd look-ups")
        self.allowance = Allowance(self.configuration, self.look_ups)
        self.wakeup = WakeUp()
        self.writer = Writer(Link("postroom smtpd writer"), self.wakeup.ring)
        self.authenticator = Authenticator(self.look_ups, Identity.from_settings())
        self.refusals = Refusals()
        self.tally = Tally()
        self.ledger = Ledger()
        self.pressure = pressure or _pressure_of_this_machine()
        self.large = asyncio.Semaphore(LARGE_AT_ONCE)
        self.shared = Shared.from_settings(time.time)
        self.crowd = Crowd(self.shared)
        self.memory = Memory()
        self.rates = Rates(time.monotonic, self.shared)
        self.proxies = [AddressRange.parse(network) for network in settings.POSTROOM_PROXY_NETWORKS]
        self.xclients = [AddressRange.parse(network) for network in settings.POSTROOM_XCLIENT_NETWORKS]
        self.is_stopping = False
        self.hostname: str = settings.POSTROOM_HOSTNAME

    async def decide(self, decide: Decide[T]) -> T:
        """Ask routing; without waiting where the cache knows everything. Raises DatabaseAway."""
        result = decide(self.configuration.snapshot)
        if not isinstance(result, Need):
            return result

        def load(connection: Connection) -> Awaitable[T]:
            return adecide(connection, self.configuration, decide)

        return await self.look_ups.run_again(load)

    def is_proxy(self, address: str) -> bool:
        """Say whether connections from there begin with a PROXY header."""
        return bool(self.proxies) and any(one.holds(plain_address(address)) for one in self.proxies)

    def may_speak_for_others(self, address: str) -> bool:
        """Say whether XCLIENT is offered there, and obeyed."""
        return bool(self.xclients) and any(one.holds(plain_address(address)) for one in self.xclients)

    async def close(self) -> None:
        self.wakeup.close()
        if self.shared is not None:
            self.shared.close()
        self.authenticator.close()
        await self.look_ups.close()
        await self.writer.close()


def _pressure_of_this_machine() -> Pressure:
    thresholds = parse_thresholds(settings.POSTROOM_BACK_PRESSURE) if settings.POSTROOM_BACK_PRESSURE != "off" else {}
    return Pressure(MachineReader(settings.POSTROOM_DATA_DIR, LARGEST_MESSAGE), thresholds)
