"""Log-ins over SMTP that failed, for the audit log: counted in memory, written every few seconds, never on the way.

Of each account, address and hour the first is written at once and the rest after the hour, by each process for itself.
Whose name it was is looked up then: a name that is nobody's, which may be a password, is kept nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg.types.json import Jsonb

from tenants.identifiers import uuid7
from transport.smtpd.link import Connection

HOUR: Final = 3_600.0
MAX_NOTED: Final = 5_000
MAX_AT_ONCE: Final = 50
# The first mailbox of the name, that on a verified domain before others; none, no row.
_INSERT: Final = """
INSERT INTO tenants_auditevent (
  id, tenant_id, at, actor_kind, actor_id, actor_name, client_address, action, object_type, object_id, object_name,
  after)
SELECT %(id)s, m.tenant_id, %(at)s, 'system', '', 'Postroom', %(address)s, 'mailbox.log_in_failed', 'mailbox',
  m.id::text, m.display_name, %(after)s
FROM tenants_emailaddress e
JOIN tenants_mailbox m ON m.id = e.mailbox_id
JOIN tenants_accepteddomain d ON d.id = e.accepted_domain_id
WHERE e.domain = %(domain)s AND e.local_key = %(local)s
ORDER BY d.verified_at IS NULL, m.id LIMIT 1
"""


@dataclass(slots=True)
class _Count:
    since: float
    unwritten: int = 0
    is_told: bool = False  # the hour's first is in the log


class FailedLogIns:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[tuple[str, str, str], _Count] = {}

    def note(self, key: tuple[str, str], client_address: str) -> None:
        """Count a failure for the domain and local key of a name; a flood of names is not worth remembering."""
        domain, local = key
        if not (domain and local):
            return
        count = self._counts.get((domain, local, client_address))
        if count is None and len(self._counts) < MAX_NOTED:
            count = self._counts[domain, local, client_address] = _Count(self._clock())
        if count is not None:
            count.unwritten += 1

    async def flush(self, connection: Connection) -> None:
        """Write what is due."""
        now, rows = self._clock(), []
        for key, count in [*self._counts.items()]:
            is_over = now - count.since >= HOUR
            if count.unwritten and (is_over or not count.is_told):
                rows.append(_row(key, count.unwritten))
                count.unwritten, count.is_told = 0, True
            if is_over:
                del self._counts[key]
            if len(rows) >= MAX_AT_ONCE:
                break
        if rows:
            async with connection.cursor() as cursor:
                await cursor.executemany(_INSERT, rows)


def _row(key: tuple[str, str, str], count: int) -> dict[str, object]:
    domain, local, address = key
    after = Jsonb({"failures": count})
    return {
        "id": uuid7(),
        "at": datetime.now(UTC),
        "domain": domain,
        "local": local,
        "address": address,
        "after": after,
    }
