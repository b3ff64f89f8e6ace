"""The intake statement when the connection under it is gone: whoever waits is told in time, always."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from transport.queue.database import connect_flow
from transport.queue.store import PARAMETERS, Oids
from transport.smtpd.link import Connection
from transport.smtpd.statement import Statement


class Dropped:
    """What libpq has after it dropped its socket without a word: nothing comes, and nothing can be cancelled."""

    transaction_status = TransactionStatus.ACTIVE

    def __init__(self, descriptor: int) -> None:
        self.socket = descriptor

    def send_query_prepared(self, name: bytes, values: Sequence[Any], formats: Sequence[Any]) -> None: ...

    def flush(self) -> int:
        return 0

    def get_cancel(self) -> None:
        raise psycopg.OperationalError("couldn't create cancel object")

    def finish(self) -> None: ...


async def test_a_statement_ends_in_time_though_nothing_can_be_cancelled() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = cast(Connection, SimpleNamespace(pgconn=Dropped(ours.fileno())))
        statement = Statement(connection, cast(Oids, None))
        with pytest.raises(psycopg.OperationalError, match="no answer in time"):
            await statement.execute([], timeout=0.05)
        assert statement.is_closed


@pytest.fixture
async def statement() -> AsyncIterator[Statement]:
    async with await connect_flow() as connection:
        yield Statement(connection, cast(Oids, None))


def break_socket(statement: Statement) -> None:
    with socket.socket(fileno=os.dup(statement.connection.pgconn.socket)) as theirs:
        theirs.shutdown(socket.SHUT_RDWR)


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(20)
async def test_a_connection_that_broke_unnoticed_is_not_used_again(statement: Statement) -> None:
    """libpq had dropped the socket by itself: each statement on it would fail, for ever."""
    break_socket(statement)
    with suppress(psycopg.OperationalError):
        statement.connection.pgconn.consume_input()
    assert not statement.is_closed
    with pytest.raises(psycopg.OperationalError):
        await statement.execute([b""] * PARAMETERS, timeout=60)
    assert statement.is_closed


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(20)
async def test_a_connection_that_breaks_while_we_send_is_told_of_at_once(statement: Statement) -> None:
    break_socket(statement)
    with pytest.raises(psycopg.OperationalError):
        await statement.execute([b""] * PARAMETERS, timeout=60)
    assert statement.is_closed


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(20)
async def test_a_socket_that_the_loop_lets_go_of_is_looked_at_all_the_same(statement: Statement) -> None:
    """As uvloop does with one that has an error on it: of the answer that is there it would tell nobody."""
    asyncio.get_running_loop().remove_reader(statement.connection.pgconn.socket)
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        await statement.execute([b""] * PARAMETERS, timeout=60)
