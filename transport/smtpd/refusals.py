"""`Unable to relay`, counted per domain in memory, written every few seconds as append-only deltas (design §12.9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tenants.identifiers import uuid7
from transport.smtpd.link import Connection

MAX_DOMAINS: Final = 1_000
_INSERT: Final = """
INSERT INTO transport_relayrefusal (id, domain, count, at, sender, recipient, client_address)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(slots=True)
class _Count:
    count: int
    sender: str
    recipient: str
    client_address: str


class Refusals:
    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def add(self, domain: str, sender: str, recipient: str, client_address: str) -> None:
        """Count one; a flood of different domains is not worth remembering."""
        known = self._counts.get(domain)
        if known is not None:
            known.count += 1
            known.sender, known.recipient, known.client_address = sender, recipient, client_address
        elif len(self._counts) < MAX_DOMAINS:
            self._counts[domain] = _Count(1, sender, recipient, client_address)

    async def flush(self, connection: Connection) -> None:
        if not self._counts:
            return
        counts, self._counts = self._counts, {}
        now = datetime.now(UTC)
        rows = [
            (uuid7(), domain[:255], one.count, now, one.sender, one.recipient, one.client_address)
            for domain, one in counts.items()
        ]
        async with connection.cursor() as cursor:
            await cursor.executemany(_INSERT, rows)
