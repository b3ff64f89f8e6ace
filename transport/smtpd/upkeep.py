"""What the daemon does every two seconds: a heart-beat, counts of refusals, uses of app passwords, the certificate."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import psycopg

from transport.smtpd.link import Connection, DatabaseAway, Link
from transport.smtpd.service import Service

INTERVAL: Final = 2.0
_BEAT: Final = """
INSERT INTO transport_heartbeat (process, kind, at) VALUES (%s, 'smtpd', %s)
ON CONFLICT (process) DO UPDATE SET at = excluded.at
"""


async def keep_up(service: Service) -> None:
    link = Link("postroom smtpd upkeep")
    process = f"smtpd/{socket.gethostname()}/{os.getpid()}"[:128]

    async def beat(connection: Connection) -> None:
        await connection.execute(_BEAT, (process, datetime.now(UTC)))
        await service.refusals.flush(connection)
        await service.authenticator.uses.flush(connection)

    try:
        while True:
            # In a thread: there may be a certificate for each of many domains.
            await asyncio.get_running_loop().run_in_executor(None, service.certificate.refresh)
            # The link tells of the trouble; the counts of these seconds may be lost.
            with suppress(DatabaseAway, psycopg.Error):
                await link.run(beat)
            await asyncio.sleep(INTERVAL)
    finally:
        await link.close()
