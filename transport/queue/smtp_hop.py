"""The turn of a queue that leaves by a send connector: MX or smart hosts, one connection, many messages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from typing_extensions import override

from transport.delivery.client import SmtpConnection
from transport.delivery.failure import HopFailure
from transport.delivery.hop import open_connection
from transport.delivery.options import Endpoint, TlsMode, TlsVerify
from transport.delivery.outcome import Outcome, OutgoingMessage, OutgoingRecipient, Phase
from transport.dns.failures import DnsFailure
from transport.queue.claim import Claim, ClaimedDelivery, ClaimedMessage, load_bodies
from transport.queue.connector import Connector, load_connector
from transport.queue.destinations import Place, floor_of, hurt_by, is_hurt
from transport.queue.due import queues_with_work
from transport.queue.hop import BATCH, INTERNAL, Hop, Stage
from transport.queue.notices import MAX_RETURNED
from transport.queue.outcomes import QueueChange, Report, Result, Verdict, verdict_of, verdict_of_dns, verdict_of_hop
from transport.queue.patience import is_trouble, labelled, next_attempt
from transport.queue.redirected import connector_to
from transport.queue.reroute import reroute_claim
from transport.queue.tls_policy import Security, security_for
from transport.routing.result import DeliveryType
from transport.routing.retry import RetryClock
from transport.sized import by_size

logger = logging.getLogger(__name__)

PROBE: Final = 10  # from a queue that failed last time: enough to see whether it works again
LINGER: Final = 0.3  # seconds that a connection waits for more to send
CHUNK: Final = 1024 * 1024  # octets of bodies in memory at a time
HOPELESS_BATCH: Final = 10  # messages put off one after the other: the next hop itself is not willing


NOTHING: Final = Claim(UUID(int=0), ())


class SmtpHop(Hop):
    _is_emptied = False  # the last claim got less than it asked for
    _place: Place | None = None
    _has_learnt = False
    _endpoints: Sequence[Endpoint] = ()

    @override
    async def take_turn(self) -> None:
        connector = await self._connector()
        most = connector.max_messages_per_connection or BATCH if connector else BATCH
        batch = await self._claim(min(most, PROBE if self.queue.retry_count else BATCH))
        if batch.is_empty:
            return
        if connector is None:
            await self._without_connector(batch)
            return
        domain = self.queue.next_hop_domain
        opened, since, security = None, time.monotonic(), Security(connector, domain)
        try:
            found = await connector.endpoints(domain, self.resolver)
            security = await security_for(connector, domain, found, self.resolver, self.connections.lend)
            self.tls_policy = security.told()
            endpoints = security.endpoints(found)
            if found and not endpoints:
                await self.fail_all(batch, security.refusal(), connector.name, _since(since))
                return
            self._endpoints = endpoints
            if not await self._takes_place_at(endpoints, connector):
                return
            opened = await open_connection(endpoints, security.options(connector.options(domain)))
            self.tls_policy = security.told(opened.tls, opened.endpoint.host)
            await self._works(f"{opened.endpoint.host} {opened.endpoint}")
            await self._converse(opened, connector, batch)
        except DnsFailure as failure:
            await self.fail_all(batch, verdict_of_dns(failure, connector.policies), connector.name, _since(since))
        except HopFailure as failure:
            await self._learn_from(failure)
            verdict = verdict_of_hop(failure, connector.policies)
            verdict = replace(verdict, reason=security.reason(verdict.reason))
            await self.fail_all(batch, verdict, connector.name, _since(since))
        finally:
            if opened is not None:
                await opened.quit()
            if self.places is not None and self._place is not None:
                await self.places.give_back(self._place)

    async def _connector(self) -> Connector | None:
        if self.queue.connector_id is None:
            is_to_host = self.queue.delivery_type == DeliveryType.SMART_HOST_CONNECTOR
            return connector_to(self.queue.next_hop_domain) if is_to_host else None
        async with self.connections.lend() as connection:
            connector = await load_connector(connection, self.queue.connector_id)
        self.version = connector.config_version if connector else 0
        return connector

    async def _without_connector(self, batch: Claim) -> None:
        """Route again what waits for a connector that is gone or switched off, whatever its version says."""
        async with self.connections.lend() as connection:
            remaining = await reroute_claim(connection, batch)
        self.let_go(batch)
        if not remaining.is_empty:
            await self.fail_all(remaining, INTERNAL)

    async def _takes_place_at(self, endpoints: list[Endpoint], connector: Connector) -> bool:
        """Take one of the platform's connections to the host; where there is none, the queue comes back later."""
        if self.places is None or not endpoints:
            return True
        endpoint = str(endpoints[0])
        limit = connector.max_connections_per_host
        self._place = await self.places.take(endpoint, self.more_work, connector=str(connector.id), limit=limit)
        if self._place is None:
            await self.give_back()
            await self.free(self.places.pause(endpoint))
        return self._place is not None

    @property
    def _is_crowded(self) -> bool:
        return self.places is not None and self._place is not None and self.places.is_crowded(self._place.endpoint)

    async def _learn_from(self, failure: HopFailure) -> None:
        """Let fewer try at a time where nobody got through for want of strength."""
        if self.places is None or self._place is None or not hurt_by(failure):
            return
        host = failure.attempts[0].endpoint.host
        await self.places.shrink(self._place, host, failure.reason_code, floor_of(failure))

    async def _learn(self, reports: list[Report], opened: SmtpConnection) -> None:
        """Let more or fewer talk to the host at a time, by how it took what it was given; once a turn at most."""
        if self.places is None or self._place is None or self._has_learnt:
            return
        if str(opened.endpoint) != self._place.endpoint:  # the place is at the first address, and another answered
            return
        verdicts = [result.verdict for report in reports for result in report.results]
        if hurt := next((verdict for verdict in verdicts if is_hurt(verdict)), None):
            await self.places.shrink(self._place, opened.endpoint.host, hurt.reason)
            self._has_learnt = True
        elif self.delivered:
            await self.places.grow(self._place, opened.endpoint.host)
            self._has_learnt = True

    async def _works(self, host: str) -> None:
        """The connection stands: the queue is out of back-off, and others may help with it."""
        self.begin_sending()
        if self.queue.retry_count or self.queue.has_error:
            await self.change_queue(QueueChange(self.queue.id, at=datetime.now(UTC), connected_to=host))
        else:
            await self.free(connected_to=host)

    async def _converse(self, opened: SmtpConnection, connector: Connector, batch: Claim) -> None:
        """Send batch after batch while there is something to send and the connection may be used."""
        left = connector.max_messages_per_connection or BATCH
        while True:
            reports = await self._send_batch(opened, connector, batch, left)
            left -= len(reports)
            await self._learn(reports, opened)
            # What goes back is due at once: the queue's back-off must be known before.
            await self._judge(batch, reports, opened)
            await self.give_back()
            if left <= 0 or not opened.is_usable or self.is_over:
                return
            batch = await self._next_or_linger(min(BATCH, left), opened)
            if batch.is_empty:
                return

    async def _next_or_linger(self, limit: int, opened: SmtpConnection) -> Claim:
        """Claim more; where there is nothing, keep the connection for a moment in case something comes."""
        batch = NOTHING
        if not self._is_emptied or await self._has_work():
            batch = await self._claim(limit)
        deadline = time.monotonic() + (0 if self._is_crowded else LINGER)
        while batch.is_empty and opened.is_usable and not self.is_over:
            self.stage = Stage.IDLE
            self.more_work.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self.more_work.wait()
            except TimeoutError:
                break
            if self._is_crowded and not await self._has_work():
                break
            batch = await self._claim(limit)
        self.stage = Stage.SENDING
        return batch

    async def _claim(self, limit: int) -> Claim:
        batch = await self.next_batch(limit)
        self._is_emptied = len(batch.delivery_ids) < limit
        return batch

    async def _has_work(self) -> bool:
        """Ask before claiming from a queue that gave all it had: that costs a fifth of a claim that finds nothing."""
        async with self.connections.lend() as connection:
            return bool(await queues_with_work(connection, [self.queue.id]))

    async def _send_batch(self, opened: SmtpConnection, connector: Connector, batch: Claim, limit: int) -> list[Report]:
        """Send a batch, or as much of it as the connection lives to see."""
        reports: list[Report] = []
        for chunk in by_size(batch.messages[:limit], CHUNK):
            async with self.connections.lend() as connection:
                bodies = await load_bodies(connection, [message.id for message in chunk])
            for message in chunk:
                if not opened.is_usable or self.is_over:
                    break
                async with self.in_hand(batch.lease_id, message) as is_turn:
                    if not is_turn:
                        await self.stand_back()
                        break
                    report = await self._send(opened, connector, batch, message, bodies.pop(message.id, None))
                    await self.recorder.put(report)
                    self.reported(message)
                    reports.append(report)
        return reports

    async def _send(
        self, opened: SmtpConnection, connector: Connector, batch: Claim, message: ClaimedMessage, content: bytes | None
    ) -> Report:
        started = time.monotonic()
        if content is None:
            logger.error("The bytes of message %s are gone.", message.id)
            verdicts = [INTERNAL] * len(message.deliveries)
        else:
            verdicts = await self._verdicts(opened, connector, message, content)
        at = datetime.now(UTC)
        pairs = zip(message.deliveries, verdicts, strict=True)
        results = tuple(_result(delivery, verdict, batch.clock, at) for delivery, verdict in pairs)
        self.delivered += sum(verdict.status is Outcome.DELIVERED for verdict in verdicts)
        report = Report(
            message, batch.lease_id, results, at, connector.name, _since(started), tls_policy=self.tls_policy
        )
        # A notice quotes the beginning at most; the recorder's line must not hold whole messages.
        return replace(report, content=content[: MAX_RETURNED + 1]) if content and report.may_be_told else report

    async def _verdicts(
        self, opened: SmtpConnection, connector: Connector, message: ClaimedMessage, content: bytes
    ) -> list[Verdict]:
        """Send one message; one that requires TLS over a connection of its own, where this one may not have it."""
        if not message.require_tls or opened.keeps_tls:
            return await _verdicts(opened, connector, message, content)
        options = connector.options(self.queue.next_hop_domain)
        policy = replace(options.tls, mode=TlsMode.REQUIRED, verify=TlsVerify.DOMAIN, domain=None)
        verdicts = await _verdicts(opened, connector, message, content)
        for endpoint in self._endpoints[: options.max_endpoints]:
            try:
                secured = await open_connection([endpoint], replace(options, tls=policy))
            except HopFailure as failure:
                # Without TLS, or with a name that is not proven, it is as good as one that promises nothing.
                if failure.phase is not Phase.STARTTLS:
                    verdicts = [verdict_of_hop(failure, connector.policies)] * len(message.deliveries)
                continue
            try:
                if secured.keeps_tls:
                    return await _verdicts(secured, connector, message, content)
            finally:
                await secured.quit()
        return verdicts

    async def _judge(self, batch: Claim, reports: list[Report], opened: SmtpConnection) -> None:
        """Say of the queue what its messages met with, where not one got through."""
        verdicts = [one.verdict for report in reports for one in report.with_status(Outcome.TRANSIENT)]
        put_off = [verdict for verdict in verdicts if verdict is not INTERNAL and is_trouble(verdict)]
        if self.delivered or not put_off:
            return
        if not opened.is_usable or len(put_off) >= HOPELESS_BATCH:
            # As good as a peer that does not answer: it drops the connection, or puts off whatever we send.
            await self.back_off(batch, put_off[-1])
            await self.recorder.flush()
            self.stopping = True
        else:
            await self.change_queue(QueueChange(self.queue.id, verdict=put_off[-1], at=datetime.now(UTC)))


def _since(started: float) -> int:
    """Return milliseconds."""
    return round((time.monotonic() - started) * 1000)


async def _verdicts(
    opened: SmtpConnection, connector: Connector, message: ClaimedMessage, content: bytes
) -> list[Verdict]:
    """Send one message. A fault of ours with it must not hold up those behind it."""
    try:
        outcomes = await opened.send(outgoing(message, content))
    except Exception:
        logger.exception("Message %s could not be sent by a fault of ours.", message.id)
        opened.abort()
        return [INTERNAL] * len(message.deliveries)
    pairs = zip(outcomes, message.deliveries, strict=True)
    return [labelled(verdict_of(outcome, connector.policies), delivery.attempts) for outcome, delivery in pairs]


def outgoing(message: ClaimedMessage, content: bytes) -> OutgoingMessage:
    """Return a message as the SMTP client takes it."""
    return OutgoingMessage(
        key=message.id,
        sender=message.sender,
        recipients=tuple(
            OutgoingRecipient(one.id, one.recipient, one.notify or None, one.original_recipient or None)
            for one in message.deliveries
        ),
        content=content,
        body_8bit=message.is_8bit,
        smtputf8=message.smtputf8,
        envid=message.envid or None,
        ret=message.ret or None,
        require_tls=message.require_tls,
    )


def _result(delivery: ClaimedDelivery, verdict: Verdict, clock: RetryClock, at: datetime) -> Result:
    if verdict.status is not Outcome.TRANSIENT:
        return Result(delivery, verdict)
    return Result(delivery, verdict, next_attempt(verdict, delivery, clock, at))
