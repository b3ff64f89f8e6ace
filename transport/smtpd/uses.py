"""When app passwords were last used, kept in memory and written every few seconds: no log-in waits for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from transport.smtpd.link import Connection

MAX_NOTED: Final = 10_000
# Once a minute for one app password: a program that logs in for each message writes no more than that. The order keeps
# two daemons from waiting for each other.
_UPDATE: Final = """
UPDATE tenants_apppassword p SET last_used_at = u.at, last_used_address = u.address
FROM (
  SELECT a.id, n.at, n.address
  FROM unnest(%s::uuid[], %s::timestamptz[], %s::inet[]) AS n (id, at, address)
  JOIN tenants_apppassword a ON a.id = n.id
  WHERE a.last_used_at IS NULL OR a.last_used_at < n.at - interval '1 minute'
  ORDER BY a.id FOR NO KEY UPDATE OF a
) u WHERE p.id = u.id
"""


class Uses:
    def __init__(self) -> None:
        self._noted: dict[UUID, tuple[datetime, str]] = {}

    def note(self, app_password_id: UUID | None, client_address: str) -> None:
        """Remember that an app password let somebody in; None stands for a mailbox's own password."""
        if app_password_id is not None and (app_password_id in self._noted or len(self._noted) < MAX_NOTED):
            self._noted[app_password_id] = (datetime.now(UTC), client_address)

    async def flush(self, connection: Connection) -> None:
        if not self._noted:
            return
        noted, self._noted = self._noted, {}
        times, addresses = zip(*noted.values(), strict=True)
        await connection.execute(_UPDATE, (list(noted), list(times), list(addresses)))
