"""What the daemon does by the clock: heart-beat and figures, refusals, uses of app passwords, certificate, pressure."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from datetime import UTC, datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from tenants.identifiers import uuid7
from transport.pressure.levels import Resource
from transport.pressure.pressure import Change, Pressure
from transport.smtpd.link import Connection, DatabaseAway, Link
from transport.smtpd.service import Service

logger = logging.getLogger(__name__)

INTERVAL: Final = 2.0
LOOK: Final = 1.0
_BEAT: Final = """
INSERT INTO transport_heartbeat (process, kind, at, detail) VALUES (%s, 'smtpd', %s, %s)
ON CONFLICT (process) DO UPDATE SET at = excluded.at, detail = excluded.detail
"""
_CHANGE: Final = """
INSERT INTO transport_pressurechange (id, process, at, resource, before, level, reading)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
# The planner's own estimate: counting a million rows each two seconds would be pressure of its own.
_QUEUE_LENGTH: Final = "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'transport_delivery'::regclass"


async def keep_up(service: Service) -> None:
    link = Link("postroom smtpd upkeep")
    process = f"smtpd/{socket.gethostname()}/{os.getpid()}"[:128]

    async def beat(connection: Connection) -> None:
        started = time.monotonic()
        await connection.execute(_BEAT, (process, datetime.now(UTC), Jsonb(report(service))))
        service.pressure.note(Resource.DATABASE_LATENCY, 1_000 * (time.monotonic() - started))
        cursor = await connection.execute(_QUEUE_LENGTH)
        row = await cursor.fetchone()
        service.pressure.note(Resource.QUEUE_LENGTH, row[0] if row else 0)
        await _write_changes(connection, process, service.pressure)
        await service.refusals.flush(connection)
        await service.authenticator.uses.flush(connection)
        await service.authenticator.failures.flush(connection)

    try:
        while True:
            try:
                # In a thread: there may be a certificate for each of many domains.
                await asyncio.get_running_loop().run_in_executor(None, service.certificate.refresh)
            except Exception:  # files of somebody else's making: what is served stays as it is
                logger.exception("The certificates could not be looked at")
            try:
                await link.run(beat)
            except DatabaseAway:
                pass  # the link tells of the trouble; the counts of these seconds may be lost
            except Exception:
                logger.exception("The daemon could not tell of itself")
            await asyncio.sleep(INTERVAL)
    finally:
        await link.close()


async def watch_pressure(service: Service) -> None:
    """Look at the machine each second; apart from the heart-beat, which may wait for the database."""
    while True:
        service.pressure.note(Resource.COMMIT_BACKLOG, len(service.writer))
        service.pressure.look(asyncio.get_running_loop().time())
        await asyncio.sleep(LOOK)


def report(service: Service) -> dict[str, Any]:
    """Return what /metrics and the overview show of this process."""
    pressure = service.pressure
    return service.tally.report() | {
        "sessions": len(service.crowd.sessions),
        "waiting": len(service.writer),
        "level": pressure.level.word,
        "cause": pressure.cause or "",
        "levels": {str(resource): level.word for resource, level in pressure.levels.items()},
        "readings": {str(resource): round(reading, 1) for resource, reading in pressure.readings.items()},
    }


async def _write_changes(connection: Connection, process: str, pressure: Pressure) -> None:
    changes: list[Change] = [*pressure.changes]
    if not changes:
        return
    rows = [
        (uuid7(), process, one.at, str(one.resource), int(one.before), int(one.level), one.reading) for one in changes
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(_CHANGE, rows)
    for _ in changes:
        pressure.changes.popleft()
