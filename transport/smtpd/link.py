"""One PostgreSQL connection of the daemon: made when needed, given up when it hangs, never waited for without end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import psycopg

from transport.queue.database import connect_flow

logger = logging.getLogger(__name__)
T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]

TIMEOUT: Final = 8.0  # a client hears from us within 10 s (reliability G1)
PAUSE: Final = 0.25  # between attempts to connect


class DatabaseAway(Exception):
    """PostgreSQL cannot be reached or does not answer; whether the last statement took effect is not known."""


class Link:
    def __init__(self, name: str) -> None:
        self._name = name
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._down_until = 0.0
        self._was_down = False

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, timeout: float = TIMEOUT) -> T:
        """Run the work on the connection; errors of the statement itself come through, all others as DatabaseAway."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        connection = await self.connect(timeout)
        task = asyncio.ensure_future(work(connection))
        # Cheaper than asyncio.wait, and unlike wait_for it does not wait for the cancelled task.
        ended: asyncio.Future[None] = loop.create_future()
        task.add_done_callback(lambda _: _end(ended))
        timer = loop.call_at(max(deadline, loop.time() + 0.1), _end, ended)
        try:
            await ended
        finally:
            timer.cancel()
        if not task.done():
            # Cancelling waits for the server; that is done behind the scenes, on a connection that nobody uses again.
            self._connection = None if self._connection is connection else self._connection
            task.add_done_callback(lambda _: _close_soon(connection))
            task.cancel()
            raise DatabaseAway("no answer in time")
        try:
            return task.result()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if connection.closed or connection.broken:
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
            await connection.close()

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
        _close_soon(connection)


def _end(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


_closing: set[asyncio.Task[None]] = set()


def _close_soon(connection: Connection) -> None:
    task = asyncio.ensure_future(connection.close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)
