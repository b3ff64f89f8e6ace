"""One program on one event loop that delivers to many next hops at a time, and ends when there is nothing to do.

Places are refilled by fair share; a next hop that is slow to connect soon takes no place any more, so dead hosts
never fill them (reliability PF4). At most POSTROOM_WORKER_CONCURRENCY drains run over the whole platform.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import psycopg
from django.conf import settings

from transport.dns.resolver import Resolver
from transport.queue.connections import Connections
from transport.queue.database import connect_flow
from transport.queue.destinations import HostPlaces
from transport.queue.due import DueQueue, has_due_work, pick_queues, queues_with_work
from transport.queue.hop import Hop, MailboxHop, Stage
from transport.queue.leases import renew
from transport.queue.recorder import Recorder
from transport.queue.slots import give_back, take_drain_slot
from transport.queue.smtp_hop import SmtpHop

logger = logging.getLogger(__name__)

PLACES: Final = 20
PLACES_PER_TENANT: Final = 10
MOST_PLACES: Final = 15  # of a tenant of whatever weight: somebody else can always start
SOCKETS: Final = 400  # slow next hops included
HOPS_PER_QUEUE: Final = 4
POLL: Final = 0.1  # seconds between looks for new work
IDLE: Final = 1.0  # seconds without work until the drain ends
RENEWAL: Final = 7.0  # seconds between renewals of leases
OVERTIME: Final = 120.0  # seconds past its time that a drain goes on for what is in flight
FAREWELL: Final = 30.0  # seconds that cancelled turns and the recorder get


async def drain(seconds: float = 10.0, *, idle: float = IDLE, stop: Callable[[], bool] = lambda: False) -> bool:
    """Deliver what is due for about `seconds`, or until nothing was due for `idle` seconds or `stop` says so.

    Return whether there is work left that a next drain should be started for. Where all places for drains are
    taken, those who have them see to the work.
    """
    deadline = time.monotonic() + seconds
    control = await connect_flow("postroom drain")
    try:
        # Picking and renewing may be forgotten in a crash of the database; claims and outcomes may not.
        await control.execute("SET synchronous_commit = off")
        while True:
            slot = await take_drain_slot(control, settings.POSTROOM_WORKER_CONCURRENCY)
            if slot is None:
                return False
            try:
                await _Drain(control, deadline, idle, stop).run()
            finally:
                await give_back(control, slot)
            # A wake-up that came before the slot was free found no place: look once more, now that it is.
            left = not stop() and await has_due_work(control)
            if not left or time.monotonic() > deadline:
                return left
    finally:
        await control.close()


class _Drain:
    """The loop: look for work, start turns, keep leases, until time or work are over."""

    def __init__(
        self, control: psycopg.AsyncConnection[Any], deadline: float, idle: float, stop: Callable[[], bool]
    ) -> None:
        self._control = control
        self._deadline = deadline
        self._idle = idle
        self._stop = stop
        self._connections = Connections()
        self._recorder_connections = Connections(1)
        self._recorder = Recorder(self._recorder_connections)
        self._resolver = Resolver(settings.POSTROOM_DNS_SERVERS or None, cache_size=1000)
        self._places = HostPlaces(control)
        self._hops: dict[asyncio.Task[None], Hop] = {}
        self._suspects = asyncio.Lock()
        self._ended = asyncio.Event()
        self._cost = 0.0

    async def run(self) -> None:
        background = [asyncio.create_task(self._recorder.run()), asyncio.create_task(self._keep_leases())]
        try:
            await self._work()
        finally:
            await self._wind_up(background)

    async def _work(self) -> None:
        # Who was woken for work that another drain has done meanwhile ends at once: hints pile up while it is busy.
        last_work = float("-inf")
        while not self._is_time_up():
            self._ended.clear()
            started = await self._refill()
            if started or self._hops:
                last_work = time.monotonic()
            elif time.monotonic() - last_work > self._idle:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(max(POLL, 3 * self._cost)):
                    await self._ended.wait()
            # With very many filled queues a look costs more: it must stay a part of the work.
            await asyncio.sleep(2 * self._cost)

    def _is_time_up(self) -> bool:
        """Past its time it goes on only for what is in flight, and keeps refilling: slow hosts must block nobody."""
        now = time.monotonic()
        if self._stop():
            return True
        return now > self._deadline and (not self._busy_hops() or now > self._deadline + OVERTIME)

    def _busy_hops(self) -> list[Hop]:
        return [hop for hop in self._hops.values() if hop.stage is not Stage.IDLE]

    async def _refill(self) -> bool:
        """Start turns for due queues, by fair share; wake connections that wait for more."""
        begun = time.monotonic()
        await self._wake_idle()
        free = min(PLACES - self._running().total(), SOCKETS - len(self._hops))
        if free <= 0:
            return False
        queues = await pick_queues(
            self._control,
            limit=free,
            share=PLACES_PER_TENANT,
            most=MOST_PLACES,
            busy=self._queues_to_leave(),
            running=self._running(),
        )
        for queue in queues:
            self._start(queue)
        self._cost = time.monotonic() - begun
        return bool(queues)

    async def _wake_idle(self) -> None:
        """Give more to connections that stand open, as far as places and their tenants' shares go."""
        idle = {hop.queue.id: hop for hop in self._hops.values() if hop.stage is Stage.IDLE}
        with_work = await queues_with_work(self._control, idle)
        running = self._running()
        for queue_id in with_work:
            hop = idle[queue_id]
            if running.total() < PLACES and running[hop.queue.tenant_id] < PLACES_PER_TENANT:
                running[hop.queue.tenant_id] += 1
                hop.more_work.set()

    def _running(self) -> Counter[UUID]:
        """Count by tenant the hops that take a place: neither those that are slow nor those that stand open, idle."""
        return Counter(hop.queue.tenant_id for hop in self._hops.values() if hop.takes_place)

    def _queues_to_leave(self) -> set[UUID]:
        """Return queues that have turns enough here, or one whose connection takes whatever comes."""
        counts = Counter(hop.queue.id for hop in self._hops.values())
        full = {queue_id for queue_id, count in counts.items() if count >= HOPS_PER_QUEUE}
        return full | {hop.queue.id for hop in self._hops.values() if hop.stage is not Stage.SENDING or hop.keeps_queue}

    def _start(self, queue: DueQueue) -> None:
        kind = MailboxHop if queue.is_mailbox else SmtpHop
        hop = kind(queue, self._connections, self._recorder, self._resolver, self._places, self._suspects)
        task = asyncio.create_task(hop.run())
        self._hops[task] = hop
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._hops[task]
        self._ended.set()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            leases = {lease for hop in self._hops.values() for lease in hop.leases}
            connecting = {hop.queue.id for hop in self._hops.values() if hop.keeps_queue}
            try:
                await renew(self._control, leases, connecting)
            except psycopg.Error:
                logger.warning("Could not renew leases; what runs out is tried again.", exc_info=True)

    async def _wind_up(self, background: list[asyncio.Task[None]]) -> None:
        """Let turns end after the message that they are at, record everything, close."""
        for hop in self._hops.values():
            hop.stopping = True
            hop.more_work.set()
        # Who only waits for a connection has nothing to lose; it is given back as it was.
        for task, hop in list(self._hops.items()):
            if hop.stage is Stage.CONNECTING:
                task.cancel()
        await self._wait_for_hops()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._recorder.flush()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await self._connections.close()
        await self._recorder_connections.close()

    async def _wait_for_hops(self) -> None:
        if self._hops:
            await asyncio.wait(self._hops, timeout=FAREWELL)
        for task in list(self._hops):
            task.cancel()
        if self._hops:
            await asyncio.wait(self._hops, timeout=FAREWELL)
