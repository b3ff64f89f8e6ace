"""Storing accepted messages: any number of them in one statement, which is one transaction or part of the caller's.

No COPY: row-level security refuses it, and `INSERT … SELECT FROM unnest(…)` is as fast (design §12.1). Queue rows
go in sorted, so that two writers never wait for each other in a circle (design §12.9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from typing_extensions import override

from transport.queue.columns import Column, blobs, register_columns, uuids
from transport.queue.records import TYPES, delivery_records, event_records, message_records, queue_records
from transport.queue.rows import Accepted, QueueRow

# Columns that have a default in the models only are written out.
_NO_ERROR: Final = "last_error_enhanced, last_error_text, last_error_peer_text, last_error_phase, last_error_endpoint"
STATEMENT: Final = f"""
WITH queues AS (
  INSERT INTO transport_queue (
    id, tenant_id, delivery_type, next_hop_domain, connector_id, last_error_reason, suspended, retry_count,
    created_at, {_NO_ERROR})
  SELECT id, tenant_id, delivery_type, next_hop_domain, connector_id, reason, false, 0, now(), '', '', '', '', ''
  FROM unnest($1::intake_queue[]) ORDER BY id
  ON CONFLICT DO NOTHING
), messages AS (
  INSERT INTO transport_message (
    id, tenant_id, sender, internet_message_id, from_header, subject, size, origin, incoming, client_address,
    client_name, receive_connector, mailbox_id, is_8bit, smtputf8, auto_submitted, envid, ret, received_at,
    expires_at, trace, require_tls)
  SELECT id, tenant_id, sender, internet_message_id, from_header, subject, size, origin, incoming,
    client_address::inet, client_name, receive_connector, mailbox_id, is_8bit, smtputf8, auto_submitted, envid, ret,
    received_at, expires_at, trace::jsonb, require_tls
  FROM unnest($2::intake_secured_message[])
), bodies AS (
  INSERT INTO transport_messagebody (id, tenant_id, content)
  SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::bytea[])
), deliveries AS (
  INSERT INTO transport_delivery (
    id, tenant_id, message_id, queue_id, recipient, original_recipient, notify, mailbox_id, state, config_version,
    created_at, next_attempt_at, expires_at, delay_notice_at, last_error_reason, priority, attempts, crashes,
    {_NO_ERROR})
  SELECT id, tenant_id, message_id, queue_id, recipient, original_recipient, notify, mailbox_id, state,
    config_version, created_at, created_at, expires_at, delay_notice_at, reason, priority, 0, 0,
    '', '', '', '', ''
  FROM unnest($6::intake_ranked_delivery[])
)
INSERT INTO transport_trackingevent (
  id, tenant_id, at, event_id, source, message_id, internet_message_id, sender, recipients, subject, size, incoming,
  client_address, connector, reason, reference, detail)
SELECT id, tenant_id, at, event_id, source, message_id, internet_message_id, sender, recipients::text[], subject,
  size, incoming, client_address::inet, connector, reason, reference, detail::jsonb
FROM unnest($7::intake_event[])
"""  # noqa: S608 - built from constants of this module
_OIDS: Final = f"SELECT {', '.join(f'{name!r}::regtype::oid' for name in TYPES)}"

Oids = tuple[int, ...]
PARAMETERS: Final = 7


class Records(bytes):
    """An array of records; the statement says of which type."""


class _RecordsDumper(Dumper):
    format = Format.BINARY

    @override
    def dump(self, obj: Records) -> Buffer | None:
        return obj


# What a connection was asked once: the oids of our types, which differ from database to database.
_known: WeakKeyDictionary[Any, Oids] = WeakKeyDictionary()


def store(connection: psycopg.Connection[Any] | BaseDatabaseWrapper | CursorWrapper, batch: Sequence[Accepted]) -> None:
    """Write the batch inside the caller's transaction; takes psycopg's or Django's connection, or Django's cursor."""
    if not batch:
        return
    raw = _raw_connection(connection)
    with psycopg.RawCursor(raw) as cursor:
        oids = _known.get(raw)
        if oids is None:
            cursor.execute(_OIDS)
            oids = _keep(raw, cursor.fetchone())
        _register(cursor)
        cursor.execute(STATEMENT, _parameters(batch, oids), prepare=False)


async def astore(connection: psycopg.AsyncConnection[Any], batch: Sequence[Accepted]) -> None:
    """Write the batch in one round trip; on an autocommitting connection it is committed when this returns."""
    if not batch:
        return
    async with psycopg.AsyncRawCursor(connection) as cursor:
        oids = await record_types(connection)
        _register(cursor)
        await cursor.execute(STATEMENT, _parameters(batch, oids), prepare=True)


async def record_types(connection: psycopg.AsyncConnection[Any]) -> Oids:
    """Return the oids of our record types, as this database numbers them."""
    oids = _known.get(connection)
    if oids is None:
        cursor = await connection.execute(_OIDS)
        oids = _keep(connection, await cursor.fetchone())
    return oids


def parameters(batch: Sequence[Accepted], oids: Oids) -> list[bytes]:
    """Return the statement's parameters in binary form, for whoever drives libpq by himself."""
    return [value.data if isinstance(value, Column) else value for value in _parameters(batch, oids)]


def _keep(connection: object, row: tuple[Any, ...] | None) -> Oids:
    assert row is not None
    _known[connection] = tuple(row)
    return _known[connection]


def _register(context: psycopg.abc.AdaptContext) -> None:
    register_columns(context.adapters)
    context.adapters.register_dumper(Records, _RecordsDumper)


def _raw_connection(
    connection: psycopg.Connection[Any] | BaseDatabaseWrapper | CursorWrapper,
) -> psycopg.Connection[Any]:
    if isinstance(connection, psycopg.Connection):
        return connection
    database = connection.db if isinstance(connection, CursorWrapper) else connection
    database.ensure_connection()
    raw = database.connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def _parameters(batch: Sequence[Accepted], oids: Oids) -> list[Column | Records]:
    message, queue, delivery, event = oids
    queues: dict[Any, QueueRow] = {row.id: row for accepted in batch for row in accepted.queues}
    bodies = [accepted.body for accepted in batch if accepted.body is not None]
    return [
        Records(queue_records(queue, list(queues.values()))),
        Records(message_records(message, [accepted.message for accepted in batch])),
        uuids([body.id for body in bodies]),
        uuids([body.tenant_id for body in bodies]),
        blobs([body.content for body in bodies]),
        Records(delivery_records(delivery, [row for accepted in batch for row in accepted.deliveries])),
        Records(event_records(event, [row for accepted in batch for row in accepted.events])),
    ]
