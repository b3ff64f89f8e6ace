"""Group commit: whatever is ready goes into one transaction, and each session answers 250 after it (invariant 1).

One writer and no timer: while one group is on its way to the disk the next one gathers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg.errors import UniqueViolation

from transport.queue.intake import Accepted
from transport.queue.store import parameters
from transport.smtpd.link import DatabaseAway, Link
from transport.smtpd.statement import Statement

logger = logging.getLogger(__name__)

MAX_MESSAGES: Final = 100
MAX_BYTES: Final = 16 * 1024 * 1024
PATIENCE: Final = 8.0
PAUSE: Final = 0.1


class NotStored(Exception):
    """The message could not be committed: the client keeps it and comes again."""


@dataclass(slots=True, eq=False)
class _Waiting:
    batch: Sequence[Accepted]
    since: float
    size: int
    # Set when an attempt ended without our knowing how: a duplicate key then says that it had succeeded.
    is_unclear: bool = False
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    def __init__(self, link: Link, committed: Callable[[], None]) -> None:
        self._link = link
        self._committed = committed
        self._queue: list[_Waiting] = []
        self._ready = asyncio.Event()
        self._statement: Statement | None = None

    def __len__(self) -> int:
        return len(self._queue)

    async def commit(self, batch: Sequence[Accepted]) -> None:
        """Return when the batch is on disk, all of it; raise NotStored otherwise."""
        waiting = _Waiting(batch, asyncio.get_running_loop().time(), sum([one.message.size for one in batch]))
        self._queue.append(waiting)
        self._ready.set()
        await waiting.done

    async def run(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while group := self._take_group():
                try:
                    await self._store(group)
                except Exception:
                    logger.exception("Messages could not be stored")
                    _fail(group)

    async def close(self) -> None:
        if self._statement is not None:
            self._statement.close()
        await self._link.close()

    def _take_group(self) -> list[_Waiting]:
        size = count = 0
        for waiting in self._queue[:MAX_MESSAGES]:
            size += waiting.size
            if count and size > MAX_BYTES:
                break
            count += 1
        group, self._queue = self._queue[:count], self._queue[count:]
        return [waiting for waiting in group if not waiting.done.done()]

    async def _store(self, group: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        deadline = min(waiting.since for waiting in group) + PATIENCE
        batch = [accepted for waiting in group for accepted in waiting.batch]
        while True:
            try:
                await self._execute(batch, max(0.5, deadline - loop.time()))
            except DatabaseAway:
                for waiting in group:
                    waiting.is_unclear = True
                if loop.time() + PAUSE > deadline:
                    _fail(group)
                    return
                await asyncio.sleep(PAUSE)
            except psycopg.Error as error:
                await self._store_singly(group, error)
                return
            else:
                self._succeed(group)
                return

    async def _execute(self, batch: Sequence[Accepted], timeout: float) -> None:
        try:
            if self._statement is None or self._statement.is_closed:
                self._statement = await self._prepare(timeout)
            await self._statement.execute(parameters(batch, self._statement.oids), timeout)
        except psycopg.OperationalError as error:
            if self._statement is not None and self._statement.is_closed:
                self._link.give_up(self._statement.connection)
            raise DatabaseAway(str(error)) from error

    async def _prepare(self, timeout: float) -> Statement:
        connection = await self._link.connect(timeout)
        try:
            async with asyncio.timeout(timeout):
                return await Statement.prepare(connection)
        except (psycopg.Error, TimeoutError) as error:
            self._link.give_up(connection)
            raise DatabaseAway(str(error)) from error

    async def _store_singly(self, group: list[_Waiting], error: psycopg.Error) -> None:
        """Keep one bad message from costing the others their commit."""
        if len(group) > 1:
            for waiting in group:
                await self._store([waiting])
        elif group[0].is_unclear and isinstance(error, UniqueViolation):
            self._succeed(group)
        else:
            logger.error("A message could not be stored: %s", error)
            _fail(group)

    def _succeed(self, group: list[_Waiting]) -> None:
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_result(None)
        self._committed()


def _fail(group: list[_Waiting]) -> None:
    for waiting in group:
        if not waiting.done.done():
            waiting.done.set_exception(NotStored())
