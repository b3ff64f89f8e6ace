"""Signs of life of workers and the clock, for `/readyz`."""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import Final

import psycopg

from transport.queue.database import flow_conninfo

logger = logging.getLogger(__name__)

INTERVAL: Final = 5.0
_BEAT: Final = """
INSERT INTO transport_heartbeat (process, kind, at) VALUES (%s, %s, now())
ON CONFLICT (process) DO UPDATE SET at = excluded.at
"""


def beat(kind: str) -> None:
    """Note that a process of this kind is alive. A database that is away is told of elsewhere."""
    process = f"{kind}/{socket.gethostname()}/{os.getpid()}"[:128]
    try:
        with psycopg.connect(flow_conninfo("postroom heartbeat"), autocommit=True) as connection:
            connection.execute(_BEAT, [process, kind])
    except psycopg.OperationalError:
        logger.debug("No heart-beat: the database is away.", exc_info=True)


def keep_beating(kind: str) -> None:
    """Beat every few seconds for as long as the process lives, in a thread of its own."""
    pulse = threading.Event()

    def run() -> None:
        while True:
            beat(kind)
            pulse.wait(INTERVAL)

    threading.Thread(target=run, name="heartbeat", daemon=True).start()
