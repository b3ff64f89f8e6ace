"""One next hop's turn: claim a batch, send it, report what became of it, and so on for a bounded time.

What is left goes to the back of the line. Nothing here waits for the network inside a transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from typing_extensions import override

from transport.delivery.outcome import Outcome
from transport.dns.resolver import Resolver
from transport.mailstore.deliver import deliver_to_mailboxes
from transport.message.reply import Reply
from transport.models import Source
from transport.queue.claim import Claim, ClaimedMessage, claim
from transport.queue.connections import Connections
from transport.queue.database import is_away
from transport.queue.destinations import HostPlaces
from transport.queue.due import DueQueue
from transport.queue.holds import hold
from transport.queue.leases import free_queue, release, release_all, take_in_hand
from transport.queue.outcomes import QueueChange, Report, Result, Verdict
from transport.queue.recorder import Recorder
from transport.queue.reroute import reroute_claim

logger = logging.getLogger(__name__)

BATCH: Final = 50
TURN: Final = 10.0  # seconds; then back of the line
PATIENCE: Final = 30.0  # seconds that giving back waits for a database that is away; a lease lasts little longer
PAUSE: Final = 0.5
ASIDE: Final = timedelta(seconds=0.5)  # until a suspect's queue is picked again, while another suspect is handled
SLOW: Final = 2.0  # seconds of connecting after which a next hop takes no place from others
INTERNAL: Final = Verdict(
    Outcome.TRANSIENT,
    Reply(451, "4.3.0", "Temporary system problem, try again later"),
    "delivery.internal",
    Source.QUEUE,
)


class Stage(StrEnum):
    CONNECTING = "connecting"
    SENDING = "sending"
    IDLE = "idle"


class Hop:
    """One queue's turn in one worker; subclasses say how a batch is delivered."""

    def __init__(
        self,
        queue: DueQueue,
        connections: Connections,
        recorder: Recorder,
        resolver: Resolver,
        places: HostPlaces | None = None,
        suspects: asyncio.Lock | None = None,
    ) -> None:
        self.queue = queue
        self.connections = connections
        self.recorder = recorder
        self.resolver = resolver
        self.places = places
        self._suspects = suspects or asyncio.Lock()  # the worker's, for what may have killed another one
        self.stage = Stage.CONNECTING
        self.leases: set[UUID] = set()
        self.more_work = asyncio.Event()
        self.stopping = False
        self.delivered = 0
        self.keeps_queue = True  # nobody else may pick the queue
        self._since = time.monotonic()
        self._held: Claim | None = None
        self._asked: UUID | None = None  # the lease of a claim whose answer has not come
        self.tls_policy: Mapping[str, Any] | None = None  # for the log, once it is known
        self.version = 0  # of the configuration that this turn works by

    @property
    def is_slow(self) -> bool:
        """A next hop that takes long to answer must not take the place of one that would."""
        return self.stage is Stage.CONNECTING and time.monotonic() - self._since > SLOW

    @property
    def takes_place(self) -> bool:
        """An open connection that has nothing to send costs a socket only."""
        return self.stage is not Stage.IDLE and not self.is_slow

    @property
    def is_over(self) -> bool:
        return self.stopping or time.monotonic() - self._since > TURN

    async def run(self) -> None:
        """Take the turn. Whatever happens, claims are reported or given back, and the queue is free again."""
        try:
            await self.take_turn()
        except Exception as error:
            # The edge of a turn: a fault of ours is a delay, never a loss (invariant 10).
            if isinstance(error, psycopg.Error) and is_away(error):
                logger.warning("The database is away; %s is given back to it.", self.queue.next_hop_domain)
            else:
                logger.exception("The queue %s of %s failed.", self.queue.next_hop_domain, self.queue.tenant_id)
                await self._fail_internally()
        finally:
            await asyncio.shield(self._clean_up())

    async def take_turn(self) -> None:
        raise NotImplementedError

    def begin_sending(self) -> None:
        self.stage = Stage.SENDING
        self._since = time.monotonic()

    async def next_batch(self, limit: int) -> Claim:
        """Claim what is due here, after routing again whatever an older configuration routed."""
        while True:
            async with self.connections.lend() as connection:
                self._asked = uuid4()
                batch = await self._hold(claim(connection, self.queue.id, limit, self._asked))
                self._asked = None
                claimed = not batch.is_empty
                batch = await self._hold(hold(connection, batch))
                moved = batch.is_outdated and not self.queue.is_mailbox
                if moved:
                    batch = await self._hold(reroute_claim(connection, batch))
            if claimed and batch.is_empty and not self.is_over:
                continue
            # Our own settings may have changed with it: the next turn reads them afresh.
            if self.version and batch.config_version > self.version:
                self.stopping = True
            self.version = batch.config_version or self.version
            return batch

    @asynccontextmanager
    async def in_hand(self, lease_id: UUID, *messages: ClaimedMessage) -> AsyncIterator[bool]:
        """Handle messages alone where they are suspects; False where another one is being handled: later, then.

        Nobody waits: a suspect whose peer takes its time would make everybody wait. What becomes of it is recorded
        before the next one's turn comes.
        """
        suspects = [delivery.id for message in messages for delivery in message.deliveries if delivery.crashes]
        if not suspects:
            yield True
            return
        if self._suspects.locked():
            yield False
            return
        async with self._suspects:
            async with self.connections.lend() as connection:
                await take_in_hand(connection, lease_id, suspects)
            yield True
            await self.recorder.flush()

    async def stand_back(self) -> None:
        """End the turn, and let nobody pick the queue for a moment."""
        self.stopping = True
        self.keeps_queue = True
        await self.give_back()
        await self.free(ASIDE)

    # What a turn does with its claims ----------------------------------------------------------------------

    async def fail_all(
        self, batch: Claim, verdict: Verdict, connector: str = "", milliseconds: int | None = None
    ) -> None:
        """Report the same for all that was claimed: the next hop cannot be reached, or never will be."""
        at = datetime.now(UTC)
        retry_at = await self.back_off(batch, verdict, at) if verdict.status is Outcome.TRANSIENT else None
        for message in batch.messages:
            results = tuple(Result(delivery, verdict, retry_at) for delivery in message.deliveries)
            report = Report(message, batch.lease_id, results, at, connector, milliseconds)
            await self.recorder.put(replace(report, tls_policy=self.tls_policy))
        self.let_go(batch)

    async def back_off(self, batch: Claim, verdict: Verdict, at: datetime | None = None) -> datetime:
        """Put the whole queue on its retry clock."""
        at = at or datetime.now(UTC)
        count = self.queue.retry_count + 1
        retry_at = batch.clock.next_attempt(at, count)
        await self.change_queue(QueueChange(self.queue.id, count, retry_at, verdict, at))
        return retry_at

    async def change_queue(self, change: QueueChange) -> None:
        """Record the queue's new state; that frees it, too."""
        await self.recorder.put(change)
        self.keeps_queue = False

    async def free(self, after: timedelta = timedelta(0), connected_to: str | None = None) -> None:
        """Let others pick the queue, which is connected to a host by now or not."""
        if not self.keeps_queue:
            return
        self.keeps_queue = False
        try:
            async with self.connections.lend() as connection:
                await free_queue(connection, self.queue.id, after, connected_to)
        except BaseException:
            self.keeps_queue = True
            raise

    def reported(self, message: ClaimedMessage) -> None:
        """Leave a message to the recorder; its lease goes on being renewed until the turn is over."""
        if self._held is not None:
            self._held = replace(self._held, messages=tuple(one for one in self._held.messages if one is not message))

    def let_go(self, batch: Claim) -> None:
        self._held = None

    async def give_back(self) -> None:
        """Return what was claimed and not tried, as it was before."""
        held = self._held
        if held is not None and not held.is_empty:
            async with self.connections.lend() as connection:
                await release(connection, held.lease_id, held.delivery_ids)
        self._held = None

    async def _hold(self, claiming: Awaitable[Claim]) -> Claim:
        batch = await claiming
        self._held = batch
        if not batch.is_empty:
            self.leases.add(batch.lease_id)
        return batch

    async def _fail_internally(self) -> None:
        if self._held is not None and not self._held.is_empty:
            await self.fail_all(self._held, INTERNAL)

    async def _clean_up(self) -> None:
        """Give everything back; a database that is away is waited for, since leases run on for long."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                await self._give_back_unheard()
                await self.give_back()
                return await self.free()
            except Exception as error:
                if not (isinstance(error, psycopg.Error) and is_away(error)) or time.monotonic() > deadline:
                    logger.warning("Could not give %s back; its leases will run out.", self.queue.id, exc_info=True)
                    return
                await asyncio.sleep(PAUSE)

    async def _give_back_unheard(self) -> None:
        if self._asked is not None:
            async with self.connections.lend() as connection:
                await release_all(connection, self._asked)
            self._asked = None


class MailboxHop(Hop):
    """Mailboxes of one tenant: each batch is one transaction with its outcome."""

    @override
    async def take_turn(self) -> None:
        self.begin_sending()
        while not self.is_over:
            batch = await self.next_batch(BATCH)
            if batch.is_empty:
                return
            async with self.in_hand(batch.lease_id, *batch.messages) as is_turn:
                if not is_turn:
                    return await self.stand_back()
                await self._deliver_patiently(batch)
                self.let_go(batch)

    async def _deliver_patiently(self, batch: Claim) -> None:
        """Deliver a batch; where it fails as a whole, message by message, so that one holds nobody up."""
        try:
            return await self._deliver(batch)
        except psycopg.OperationalError:
            raise
        except Exception:
            logger.exception("A batch of %s messages could not be put into mailboxes.", len(batch.messages))
        for message in batch.messages:
            single = replace(batch, messages=(message,))
            try:
                await self._deliver(single)
            except psycopg.OperationalError:
                raise
            except Exception:
                logger.exception("Message %s could not be put into its mailboxes.", message.id)
                await self._put_off(single)

    async def _deliver(self, batch: Claim) -> None:
        async with self.connections.lend() as connection:
            reports = await deliver_to_mailboxes(connection, batch)
        self.delivered += sum(len(report.with_status(Outcome.DELIVERED)) for report in reports)

    async def _put_off(self, batch: Claim) -> None:
        at = datetime.now(UTC)
        for message in batch.messages:
            results = tuple(
                Result(one, INTERNAL, batch.clock.next_attempt(at, one.attempts + 1)) for one in message.deliveries
            )
            await self.recorder.put(Report(message, batch.lease_id, results, at))
