"""Tidying up once a minute: days of the big tables, old messages and versions, idle queues, dead processes."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from django.db import connection as django_connection
from psycopg import AsyncConnection

from transport.queue.database import connect_flow
from transport.queue.partitions import drop_old_partitions, ensure_partitions

BATCH: Final = 5000
ROUNDS: Final = 20

# A message's row serves its deliveries and, for some days more, the pages about it; its story has 30 days.
_OLD_MESSAGES: Final = """
DELETE FROM transport_message WHERE id IN (
  SELECT m.id FROM transport_message m
  WHERE m.id < first_uuid7_of(now() - interval '7 days')
    AND NOT EXISTS (SELECT 1 FROM transport_delivery d WHERE d.message_id = m.id)
  ORDER BY m.id LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
# Exchange's QueueMaxIdleTime. Mailboxes and Unreachable keep theirs: every tenant needs them again. Mail that is being
# stored at this moment is not seen here and may lose its queue: the sweep gives it one again.
_IDLE_QUEUES: Final = """
DELETE FROM transport_queue WHERE id IN (
  SELECT q.id FROM transport_queue q
  WHERE q.delivery_type IN ('dns_connector_delivery', 'smart_host_connector_delivery')
    AND NOT q.suspended AND q.created_at < now() - interval '3 minutes'
    AND coalesce(q.last_retry_at, q.created_at) < now() - interval '3 minutes'
    AND (q.connecting_until IS NULL OR q.connecting_until < now() - interval '3 minutes')
    AND NOT EXISTS (SELECT 1 FROM transport_delivery d WHERE d.tenant_id = q.tenant_id AND d.queue_id = q.id)
  LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
_DEAD_PROCESSES: Final = "DELETE FROM transport_heartbeat WHERE at < now() - interval '10 minutes'"
_OLD_PRESSURE: Final = "DELETE FROM transport_pressurechange WHERE at < now() - interval '30 days'"
_OLD_REFUSALS: Final = "DELETE FROM transport_relayrefusal WHERE at < now() - interval '30 days'"
_OLD_POLICIES: Final = "DELETE FROM transport_mtastspolicy WHERE expires_at < now() - interval '30 days'"
# What a destination could bear a week ago says little of today.
_OLD_DESTINATIONS: Final = "DELETE FROM transport_destination WHERE changed_at < now() - interval '7 days'"
_OLD_INVITATIONS: Final = "DELETE FROM tenants_invitation WHERE expires_at < now() - interval '90 days'"
# Versions of the configuration are kept for a year, and 50 of each object however old; their numbers have no gaps.
_OLD_VERSIONS: Final = """
DELETE FROM tenants_configurationversion WHERE id IN (
  SELECT old.id FROM tenants_configurationversion new
  JOIN tenants_configurationversion old
    ON old.tenant_id = new.tenant_id AND old.object_type = new.object_type AND old.object_id = new.object_id
    AND old.number = new.number - 50
  WHERE new.number > 50 AND old.id < first_uuid7_of(now() - interval '1 year')
  ORDER BY old.id LIMIT %s
)
"""
# What a page or a limit asks for is of today; some weeks serve those who wonder what happened.
_OLD_USAGE: Final = """
DELETE FROM transport_usage WHERE id IN (
  SELECT id FROM transport_usage
  WHERE start < now() - CASE period WHEN 'hour' THEN interval '3 days' ELSE interval '90 days' END
    AND start < now() - interval '3 days' LIMIT %s
)
"""
_OLD_OPERATIONS: Final = "DELETE FROM transport_bulkoperation WHERE id < first_uuid7_of(now() - interval '30 days')"
_OLD_LIMIT_NOTICES: Final = "DELETE FROM transport_limitnotice WHERE ended_at < now() - interval '90 days'"
# The protocol log: some days, and no more than so many pieces, the newest ones.
PIECES: Final = 1_000_000
_OLD_TRANSCRIPTS: Final = """
DELETE FROM transport_protocoltranscript WHERE id IN (
  SELECT id FROM transport_protocoltranscript WHERE id < first_uuid7_of(now() - interval '7 days')
  ORDER BY id LIMIT %s
)
"""
_TOO_MANY_TRANSCRIPTS: Final = f"""
DELETE FROM transport_protocoltranscript WHERE id IN (
  SELECT id FROM transport_protocoltranscript
  WHERE id <= (SELECT id FROM transport_protocoltranscript ORDER BY id DESC OFFSET {PIECES} LIMIT 1)
  ORDER BY id LIMIT %s
)
"""  # noqa: S608 - a number of ours
# What is not there any more is written to again: the listeners hear of it.
_OLD_SUPPRESSIONS: Final = """
WITH gone AS (DELETE FROM transport_suppressedaddress WHERE expires_at <= now() RETURNING tenant_id)
SELECT pg_notify('postroom_config', tenant_id::text) FROM (SELECT DISTINCT tenant_id FROM gone) AS told
"""
_LOADS_OF_NOBODY: Final = """
DELETE FROM transport_tenantload l WHERE NOT EXISTS (SELECT 1 FROM tenants_tenant t WHERE t.id = l.tenant_id)
"""


def housekeep() -> None:
    """Do all of it once; safe to run twice, and beside the mail flow."""
    ensure_partitions()
    drop_old_partitions()
    django_connection.close()
    asyncio.run(_tidy())


async def _tidy() -> None:
    async with await connect_flow("postroom housekeeping") as connection:
        await _in_batches(connection, _OLD_MESSAGES)
        await connection.execute(_IDLE_QUEUES, [BATCH])
        await connection.execute(_DEAD_PROCESSES)
        await connection.execute(_OLD_REFUSALS)
        await connection.execute(_OLD_OPERATIONS)
        await connection.execute(_OLD_PRESSURE)
        await connection.execute(_OLD_POLICIES)
        await _in_batches(connection, _OLD_VERSIONS)
        await connection.execute(_OLD_DESTINATIONS)
        await connection.execute(_OLD_INVITATIONS)
        await _in_batches(connection, _OLD_USAGE)
        await connection.execute(_OLD_LIMIT_NOTICES)
        await connection.execute(_LOADS_OF_NOBODY)
        await _in_batches(connection, _OLD_TRANSCRIPTS)
        await _in_batches(connection, _TOO_MANY_TRANSCRIPTS)
        await connection.execute(_OLD_SUPPRESSIONS)


async def _in_batches(connection: AsyncConnection[Any], statement: str) -> None:
    for _ in range(ROUNDS):
        cursor = await connection.execute(statement, [BATCH])
        if cursor.rowcount < BATCH:
            return
