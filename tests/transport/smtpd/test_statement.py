"""The intake statement when the connection under it is gone: whoever waits is told in time, always."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from transport.queue.store import Oids
from transport.smtpd.link import Connection
from transport.smtpd.statement import Statement


class Dropped:
    """What libpq has after it dropped its socket without a word: nothing comes, and nothing can be cancelled."""

    transaction_status = TransactionStatus.UNKNOWN

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
