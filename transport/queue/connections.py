"""A worker's connections to the database: a few, opened when first wanted, lent to one step at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from transport.queue.database import connect_flow

LENT_AT_MOST: Final = 3


class Connections:
    """Autocommitting connections in the flow's role. One that broke is not lent again."""

    def __init__(self, limit: int = LENT_AT_MOST, application_name: str = "postroom worker") -> None:
        self._free: list[psycopg.AsyncConnection[Any]] = []
        self._permits = asyncio.Semaphore(limit)
        self._name = application_name

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self._permits:
            connection = self._free.pop() if self._free else await connect_flow(self._name)
            try:
                yield connection
            finally:
                # A step that was cancelled in the middle leaves a transaction or a query behind.
                if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    await connection.close()
                else:
                    self._free.append(connection)

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
