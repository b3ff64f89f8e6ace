"""Records what a worker's next hops report: whatever has come in since the last commit goes into the next one.

What cannot be recorded is not lost: its lease runs out and it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

import psycopg

from transport.queue.connections import Connections
from transport.queue.outcomes import QueueChange, Report
from transport.queue.record import record

logger = logging.getLogger(__name__)

MAX_GROUP: Final = 200
MAX_WAITING: Final = 1000
PATIENCE: Final = 30.0  # seconds without a database; a lease lasts little longer
PAUSE: Final = 0.5
GATHERING: Final = 0.003  # seconds; nobody waits for a record, and few large commits cost less than many small ones

Item = Report | QueueChange


class Recorder:
    """One group commit after the other, on a connection of its own."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._items: asyncio.Queue[Item] = asyncio.Queue(MAX_WAITING)

    async def put(self, *items: Item) -> None:
        """Hand in reports and changes; waits where the database cannot keep up."""
        for item in items:
            await self._items.put(item)

    async def flush(self) -> None:
        """Wait until everything handed in has been recorded or given up."""
        await self._items.join()

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            group = await self._next_group()
            try:
                await self._record(group)
            finally:
                for _ in group:
                    self._items.task_done()

    async def _next_group(self) -> list[Item]:
        group = [await self._items.get()]
        await asyncio.sleep(GATHERING)
        while len(group) < MAX_GROUP and not self._items.empty():
            group.append(self._items.get_nowait())
        return group

    async def _record(self, group: Sequence[Item]) -> None:
        try:
            await self._record_patiently(group)
        except psycopg.OperationalError:
            logger.exception("%s records are given up: their leases run out, and they are tried again.", len(group))
        except Exception:
            # One report that the database does not take, or whose notice fails, must not cost the others theirs.
            logger.exception("A group of %s could not be recorded; recording one by one.", len(group))
            await self._record_singly(group)

    async def _record_patiently(self, group: Sequence[Item]) -> None:
        """Record a group; while the database is away or made us a deadlock's victim, try again."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                async with self._connections.lend() as connection:
                    return await record(connection, *_sorted(group))
            except (psycopg.OperationalError, psycopg.errors.DeadlockDetected):
                if asyncio.get_running_loop().time() > deadline:
                    raise
                logger.warning("The database takes no records at the moment; trying again.")
                await asyncio.sleep(PAUSE)

    async def _record_singly(self, group: Sequence[Item]) -> None:
        for item in group:
            try:
                await self._record_patiently([item])
            except Exception:
                logger.exception("Could not record %r.", item if isinstance(item, QueueChange) else item.message.id)


def _sorted(group: Iterable[Item]) -> tuple[list[Report], list[QueueChange]]:
    items = list(group)
    reports = [item for item in items if isinstance(item, Report)]
    # The last word about a queue holds.
    changes = {item.queue_id: item for item in items if isinstance(item, QueueChange)}
    return reports, list(changes.values())
