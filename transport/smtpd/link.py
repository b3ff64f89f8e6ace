"""One PostgreSQL connection of the daemon: made when needed, given up when it hangs, never waited for without end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import psycopg

from transport.queue.database import connect_flow, is_away

logger = logging.getLogger(__name__)
T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]

TIMEOUT: Final = 8.0  # a client hears from us within 10 s (reliability G1)
PAUSE: Final = 0.25  # between attempts to connect
LETTING_GO: Final = 5.0  # for the server to hear that nobody wants its answer


class DatabaseAway(Exception):
    """PostgreSQL cannot be reached or does not answer; whether the last statement took effect is not known."""


class Link:
    def __init__(self, name: str) -> None:
        self._name = name
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._down_until = 0.0
        self._was_down = False
        self._at_work: dict[Connection, set[asyncio.Task[Any]]] = {}

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, timeout: float = TIMEOUT) -> T:
        """Run the work on the connection; errors of the statement itself come through, all others as DatabaseAway."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        connection = await self.connect(timeout)
        task: asyncio.Task[T] = asyncio.ensure_future(_done(work(connection)))
        self._begin(connection, task)
        # Cheaper than asyncio.wait, and unlike wait_for it does not wait for the cancelled task.
        ended: asyncio.Future[None] = loop.create_future()
        task.add_done_callback(lambda _: _end(ended))
        timer = loop.call_at(max(deadline, loop.time() + 0.1), _end, ended)
        try:
            await ended
        finally:
            timer.cancel()
            if not task.done():
                # Cancelling waits for the server: done behind the scenes, on a connection that nobody uses again.
                self.give_up(connection)
        if not task.done() or task.cancelled():
            raise DatabaseAway("no answer in time")
        try:
            return task.result()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # A server that ends a connection says so first; that it has ended shows a moment later.
            if connection.closed or connection.broken or is_away(error):
                self.give_up(connection)
            raise DatabaseAway(str(error)) from error

    async def run_again(self, work: Callable[[Connection], Awaitable[T]], *, timeout: float = TIMEOUT) -> T:
        """Run work that may be done twice: a connection that broke while it was idle costs no failure."""
        try:
            return await self.run(work, timeout=timeout / 2)
        except DatabaseAway:
            return await self.run(work, timeout=timeout / 2)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await shut(connection, self._at_work.get(connection, set()))

    async def connect(self, timeout: float) -> Connection:
        """Return the connection, opened anew where it has to be."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:
            async with asyncio.timeout(timeout), self._connecting:
                if self._connection is None or self._connection.closed:
                    self._connection = await self._open()
                return self._connection
        except TimeoutError:
            raise DatabaseAway("no connection in time") from None

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        if loop.time() < self._down_until:
            raise DatabaseAway("not reachable a moment ago")
        try:
            connection = await connect_flow(self._name)
        except psycopg.Error as error:
            self._down_until = loop.time() + PAUSE
            if not self._was_down:
                logger.warning("PostgreSQL cannot be reached; mail is answered 451 until it can: %s", error)
            self._was_down = True
            raise DatabaseAway(str(error)) from error
        if self._was_down:
            logger.info("PostgreSQL is back.")
        self._was_down = False
        return connection

    def give_up(self, connection: Connection) -> None:
        """Use this connection no more."""
        if self._connection is connection:
            self._connection = None
        _close_soon(connection, self._at_work.get(connection, set()))

    def _begin(self, connection: Connection, task: asyncio.Task[Any]) -> None:
        tasks = self._at_work.setdefault(connection, set())
        tasks.add(task)

        def end(done: asyncio.Task[Any]) -> None:
            tasks.discard(done)
            if not tasks and self._at_work.get(connection) is tasks:
                del self._at_work[connection]

        task.add_done_callback(end)


async def _done(work: Awaitable[T]) -> T:
    return await work


async def shut(connection: Connection, at_work: set[asyncio.Task[Any]]) -> None:
    """Close a connection when nobody waits on its socket any more: closed under a waiter, libuv aborts the process."""
    tasks = [task for task in at_work if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LETTING_GO)
    if any(not task.done() for task in tasks) and not connection.closed:
        # The server does not even answer the cancelling: then the socket is taken from the loop before it goes.
        loop = asyncio.get_running_loop()
        loop.remove_reader(connection.pgconn.socket)
        loop.remove_writer(connection.pgconn.socket)
    await connection.close()


def _end(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


_closing: set[asyncio.Task[None]] = set()


def _close_soon(connection: Connection, at_work: set[asyncio.Task[Any]]) -> None:
    task = asyncio.ensure_future(shut(connection, at_work))
    _closing.add(task)
    task.add_done_callback(_closing.discard)
