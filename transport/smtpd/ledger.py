"""Pieces of protocol logs on their way to the database: gathered in memory, bounded, written in batches each second."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from transport.smtpd.link import Connection, DatabaseAway, Link

if TYPE_CHECKING:
    from transport.smtpd.service import Service

logger = logging.getLogger(__name__)

INTERVAL: Final = 1.0
BATCH: Final = 500
MAX_CHARACTERS: Final = 8 * 1024 * 1024
_INSERT: Final = """
INSERT INTO transport_protocoltranscript (
  id, tenant_id, session_id, at, connector_id, connector, client_address, listener, message_id, lines, left_out)
SELECT * FROM unnest(
  %s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::uuid[], %s::text[], %s::inet[], %s::text[], %s::uuid[],
  %s::jsonb[], %s::int[])
"""


class Piece(NamedTuple):
    """Some lines of a session, in the order of the columns of ProtocolTranscript."""

    id: UUID
    tenant_id: UUID | None
    session_id: UUID
    at: datetime
    connector_id: UUID
    connector: str
    client_address: str
    listener: str
    message_id: UUID | None
    lines: list[list[Any]]
    left_out: int


class Ledger:
    def __init__(self) -> None:
        self._waiting: deque[tuple[Piece, int]] = deque()
        self._characters = 0
        self.dropped = 0  # pieces: nobody's mail waits for its log

    def add(self, piece: Piece) -> None:
        size = sum(len(line[2]) for line in piece.lines)
        if self._characters + size > MAX_CHARACTERS:
            self.dropped += 1
            return
        self._characters += size
        self._waiting.append((piece, size))

    async def flush(self, connection: Connection) -> None:
        """Write all that waits; what cannot be written is given up."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._characters -= sum(size for _, size in batch)
            columns = [list(column) for column in zip(*(piece for piece, _ in batch), strict=True)]
            columns[-2] = [Jsonb(lines) for lines in columns[-2]]
            await connection.execute(_INSERT, columns)
        if self.dropped:
            logger.warning("%d pieces of protocol logs were left out: there were too many.", self.dropped)
            self.dropped = 0


async def keep_ledger(service: Service) -> None:
    """Write the protocol log each second, and what is left at the end."""
    link = Link("postroom smtpd protocol log")
    try:
        while True:
            try:
                await link.run(service.ledger.flush)
            except DatabaseAway:
                pass  # the link tells of the trouble
            except Exception:
                logger.exception("The protocol log could not be written")
            await asyncio.sleep(INTERVAL)
    finally:
        with suppress(DatabaseAway, psycopg.Error):
            await link.run(service.ledger.flush, timeout=2.0)
        await link.close()
