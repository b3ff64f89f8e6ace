"""What a tenant's limits let through: asked at MAIL, at RCPT and once more at the end of DATA, where it is counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psycopg

from tenants.limits import PLATFORM, Limits
from transport.message.reply import Reply
from transport.queue.configuration import Configuration
from transport.routing.envelope import Client
from transport.routing.recipients import ROLE_NAMES
from transport.routing.result import MAILBOX_HOP, RoutedMessage, RoutedRecipient, Routing
from transport.smtpd.link import Connection, DatabaseAway, Link
from transport.usage.count import Key, Sum
from transport.usage.counting import exchange, read_counts, read_loads, write_pending
from transport.usage.meter import Meter
from transport.usage.parties import RECEIVED, sender_keys, sums_of
from transport.usage.rules import Excess, incoming_excess, queue_excess, sending_excess, storage_excess

if TYPE_CHECKING:
    from transport.smtpd.service import Service

logger = logging.getLogger(__name__)

INTERVAL: Final = 1.0


class Allowance:
    """One daemon's view of what tenants may still do, over its meter."""

    def __init__(self, configuration: Configuration, look_ups: Link) -> None:
        self.meter = Meter()
        self._configuration = configuration
        self._look_ups = look_ups

    async def at_mail(self, client: Client) -> Reply | None:
        """Return the reply that puts a sender off, before any recipient is named."""
        keys = sender_keys(client)
        if keys is None:
            return None
        await self._know([keys.tenant] if keys.mailbox is None else [keys.tenant, keys.mailbox])
        return _reply(self._sending(client, 1, 0), client)

    async def at_rcpt(self, client: Client, named: int, routing: Routing | None) -> Reply | None:
        """Return the reply that puts one more recipient off, after `named` others."""
        excess = self._sending(client, 1, named + 1)
        if excess is not None or routing is None:
            return _reply(excess, client)
        part = routing.messages[0]
        if part.incoming:
            await self._know([Key.of_tenant(part.tenant_id, RECEIVED)])
        recipient = part.recipients[0]
        return _reply(self._receiving(part, recipient), client, recipient)

    def take(self, client: Client, routing: Routing, size: int) -> Reply | None:
        """Count the message, or return why it is put off: since RCPT others may have used up what there was."""
        recipients = sum(len(part.recipients) for part in routing.messages)
        excess = self._sending(client, 1, recipients)
        if excess is None:
            over = (self._incoming(part) for part in routing.messages if part.incoming)
            excess = next((one for one in over if one is not None), None)
        if excess is not None:
            return _reply(excess, client, routing.messages[0].recipients[0])
        self._count(client, routing, size, 1)
        return None

    def give_back(self, client: Client, routing: Routing, size: int) -> None:
        """Undo `take`: the message was not stored."""
        self._count(client, routing, size, -1)

    def _count(self, client: Client, routing: Routing, size: int, sign: int) -> None:
        for key, one in sums_of(client, routing, size):
            self.meter.add(key, Sum(sign * one.messages, sign * one.recipients, sign * one.size))
        for part in routing.messages:
            load = self.meter.load(part.tenant_id)
            letters = sum(recipient.next_hop is MAILBOX_HOP for recipient in part.recipients)
            load.queued_since += sign * (len(part.recipients) - letters)
            load.stored_since += sign * letters * size

    def _sending(self, client: Client, messages: int, recipients: int) -> Excess | None:
        keys = sender_keys(client)
        if keys is None:
            return None
        limits = self._limits(keys.tenant)
        mailbox = self.meter.count(keys.mailbox) if keys.mailbox is not None else None
        excess = sending_excess(
            limits, self.meter.count(keys.tenant), mailbox, messages=messages, recipients=recipients
        )
        if excess is not None:
            for key in (keys.tenant, keys.mailbox):
                if key is not None:
                    self.meter.add(key, Sum(refused=1))
        return excess

    def _incoming(self, part: RoutedMessage) -> Excess | None:
        key = Key.of_tenant(part.tenant_id, RECEIVED)
        excess = incoming_excess(self._limits(key), self.meter.count(key))
        if excess is not None:
            self.meter.add(key, Sum(refused=1))
        return excess

    def _receiving(self, part: RoutedMessage, recipient: RoutedRecipient) -> Excess | None:
        """Ask for the recipient's tenant: what may come in, what may wait, what may be kept."""
        excess = self._incoming(part) if part.incoming else None
        if excess is not None:
            return excess
        load, limits = self.meter.load(part.tenant_id), self._limits(Key.of_tenant(part.tenant_id, RECEIVED))
        if recipient.next_hop is not MAILBOX_HOP:
            return queue_excess(limits, load.queued + load.queued_since, from_outside=part.incoming)
        # RFC 5321 4.5.1: these answer whatever there is.
        if recipient.original.partition("@")[0].lower() in ROLE_NAMES:
            return None
        return storage_excess(limits, load.stored + load.stored_since)

    def _limits(self, key: Key) -> Limits:
        terms = self._configuration.terms.get(key.tenant_id)
        return terms.limits if terms is not None else PLATFORM

    async def _know(self, keys: Iterable[Key]) -> None:
        """Read what was never asked for before; raises DatabaseAway."""
        missing = self.meter.missing(keys)
        if not missing:
            return

        async def read(connection: Connection) -> None:
            await read_loads(connection, self.meter, [key.tenant_id for key in missing])
            await read_counts(connection, self.meter, missing)

        await self._look_ups.run_again(read)


def _reply(excess: Excess | None, client: Client, recipient: RoutedRecipient | None = None) -> Reply | None:
    if excess is None:
        return None
    return excess.refusal(recipient=recipient.original if recipient is not None else "").reply


async def keep_counting(service: Service) -> None:
    """Exchange counts with the other processes each second, and hand in the last ones at the end."""
    link = Link("postroom smtpd counts")
    meter = service.allowance.meter

    def round_of(connection: Connection) -> Awaitable[None]:
        return exchange(connection, meter)

    def last_of(connection: Connection) -> Awaitable[None]:
        return write_pending(connection, meter)

    try:
        while True:
            try:
                await link.run(round_of)
            except DatabaseAway:
                pass  # the link tells of the trouble; what was counted is written when the database is back
            except Exception:
                logger.exception("The counts could not be exchanged")
            await asyncio.sleep(INTERVAL)
    finally:
        with suppress(DatabaseAway, psycopg.Error):
            await link.run(last_of, timeout=2.0)
        await link.close()
