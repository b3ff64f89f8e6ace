"""The intake statement, prepared, on a connection that does nothing else: libpq's non-blocking calls and no more.

psycopg's cursors serve every case; this is one case, many thousand times a second. What they add to a statement
costs as much as three messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psycopg
from psycopg.abc import Buffer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGcancel

from transport.queue.store import PARAMETERS, STATEMENT, Oids, record_types
from transport.smtpd.link import Connection

# Seconds between looks for ourselves. libuv drops a socket with an error on it, which is how one looks that was sent to
# after its other end had gone, and uvloop tells nobody.
LOOK: Final = 0.2
_NAME: Final = "intake"
_FORMATS: Final = [Format.BINARY] * PARAMETERS
_GOOD: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Statement:
    """One at a time. After any error of the connection, or a time-out, it is closed for good."""

    def __init__(self, connection: Connection, oids: Oids) -> None:
        self.connection = connection
        self.oids = oids
        self._pgconn = connection.pgconn
        self._socket = self._pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None
        self._error: psycopg.Error | None = None
        self._loop.add_reader(self._socket, self._read)

    @classmethod
    async def prepare(cls, connection: Connection) -> Statement:
        oids = await record_types(connection)
        await connection.execute(f"PREPARE {_NAME} AS {STATEMENT}".encode(), prepare=False)
        return cls(connection, oids)

    @property
    def is_closed(self) -> bool:
        return self._socket < 0

    @property
    def _is_lost(self) -> bool:
        # libpq drops a broken socket by itself, and the loop never hears of it. The status is an int: ==, not is.
        return self._pgconn.transaction_status == TransactionStatus.UNKNOWN

    async def execute(self, values: Sequence[Buffer], timeout: float) -> None:
        """Run it; on the autocommitting connection, what it did is committed when this returns."""
        assert self._waiting is None, "one at a time"
        self._error = None
        self._waiting = self._loop.create_future()
        timer = self._loop.call_later(timeout, self._time_out)
        self._looking = self._loop.call_later(LOOK, self._look)
        try:
            self._pgconn.send_query_prepared(_NAME.encode(), values, _FORMATS)
            self._flush()
            if self._is_lost:
                raise psycopg.OperationalError("the connection was lost while sending")
            await self._waiting
        except psycopg.OperationalError:
            if self._is_lost:
                self.close()
            raise
        finally:
            timer.cancel()
            self._looking.cancel()
            self._waiting = None

    def close(self) -> None:
        """Drop the connection at once: whatever it was doing, nobody waits for it."""
        if not self.is_closed:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = -1
            self._pgconn.finish()

    def _flush(self) -> None:
        if self._pgconn.flush():
            self._loop.add_writer(self._socket, self._flush_more)

    def _flush_more(self) -> None:
        try:
            # While the server has something to tell, it may not read on.
            self._pgconn.consume_input()
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError as error:
            self._give_up(error)

    def _look(self) -> None:
        if not self.is_closed:
            self._read()
        if self._waiting is not None and not self._waiting.done():
            self._looking = self._loop.call_later(LOOK, self._look)

    def _read(self) -> None:
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._end()
                    return
                if result.status not in _GOOD:
                    self._error = error_from_result(result)
        except psycopg.OperationalError as error:
            self._give_up(error)

    def _end(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            if self._error is None:
                self._waiting.set_result(None)
            else:
                self._waiting.set_exception(self._error)

    def _time_out(self) -> None:
        # What we answer 451 must not be committed after all: the server is told, by a thread, as that may hang too.
        if not self.is_closed:
            # libpq refuses to make a request once it has dropped the socket; waiting ends all the same.
            with suppress(psycopg.Error):
                self._loop.run_in_executor(None, _cancel, self._pgconn.get_cancel())
        self._give_up(psycopg.OperationalError("no answer in time"))

    def _give_up(self, error: psycopg.Error) -> None:
        self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


def _cancel(request: PGcancel) -> None:
    with suppress(psycopg.Error):
        request.cancel()
