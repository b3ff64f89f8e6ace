"""Storing accepted messages: any number of them in one statement, which is one transaction or part of the caller's.

No COPY: row-level security refuses it, and `INSERT … SELECT FROM unnest(…)` is as fast (design §12.1). Queue rows
go in sorted, so that two writers never wait for each other in a circle (design §12.9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from transport.queue.columns import Column, blobs, booleans, integers, register_columns, texts, times, uuids
from transport.queue.rows import Accepted, BodyRow, DeliveryRow, EventRow, MessageRow, QueueRow

Encoder = Callable[[Sequence[Any]], Column]
_MESSAGE: Final[tuple[Encoder, ...]] = (
    *(uuids, uuids, texts, texts, texts, texts, integers, texts, booleans, texts, texts, texts, uuids, booleans),
    *(booleans, booleans, texts, texts, times, times, texts),
)
_BODY: Final[tuple[Encoder, ...]] = (uuids, uuids, blobs)
_QUEUE: Final[tuple[Encoder, ...]] = (uuids, uuids, texts, texts, uuids, texts)
_DELIVERY: Final[tuple[Encoder, ...]] = (
    *(uuids, uuids, uuids, uuids, texts, texts, texts, uuids, texts, integers, times, times, times, texts),
)
_EVENT: Final[tuple[Encoder, ...]] = (
    *(uuids, uuids, times, texts, texts, uuids, texts, texts, texts, texts, integers, booleans, texts, texts, texts),
    *(texts, texts),
)
_SQL_TYPES: Final = {
    uuids: "uuid[]",
    texts: "text[]",
    integers: "bigint[]",
    booleans: "boolean[]",
    times: "timestamptz[]",
    blobs: "bytea[]",
}


def _unnest(name: str, fields: Sequence[str], encoders: Sequence[Encoder]) -> str:
    arrays = ", ".join(f"%s::{_SQL_TYPES[encoder]}" for encoder in encoders)
    return f"unnest({arrays}) AS {name} ({', '.join(fields)})"


# Columns that have a default in the models only are written out.
_NO_ERROR: Final = "last_error_enhanced, last_error_text, last_error_peer_text, last_error_phase, last_error_endpoint"
_STATEMENT: Final = f"""
WITH queues AS (
  INSERT INTO transport_queue (
    id, tenant_id, delivery_type, next_hop_domain, connector_id, last_error_reason, suspended, retry_count,
    created_at, {_NO_ERROR})
  SELECT id, tenant_id, delivery_type, next_hop_domain, connector_id, reason, false, 0, now(), '', '', '', '', ''
  FROM {_unnest("q", QueueRow._fields, _QUEUE)} ORDER BY id
  ON CONFLICT DO NOTHING
), messages AS (
  INSERT INTO transport_message (
    id, tenant_id, sender, internet_message_id, from_header, subject, size, origin, incoming, client_address,
    client_name, receive_connector, mailbox_id, is_8bit, smtputf8, auto_submitted, envid, ret, received_at,
    expires_at, trace)
  SELECT id, tenant_id, sender, internet_message_id, from_header, subject, size, origin, incoming,
    client_address::inet, client_name, receive_connector, mailbox_id, is_8bit, smtputf8, auto_submitted, envid, ret,
    received_at, expires_at, trace::jsonb
  FROM {_unnest("m", MessageRow._fields, _MESSAGE)}
), bodies AS (
  INSERT INTO transport_messagebody (id, tenant_id, content)
  SELECT id, tenant_id, content FROM {_unnest("b", BodyRow._fields, _BODY)}
), deliveries AS (
  INSERT INTO transport_delivery (
    id, tenant_id, message_id, queue_id, recipient, original_recipient, notify, mailbox_id, state, config_version,
    created_at, next_attempt_at, expires_at, delay_notice_at, last_error_reason, attempts, crashes, {_NO_ERROR})
  SELECT id, tenant_id, message_id, queue_id, recipient, original_recipient, notify, mailbox_id, state,
    config_version, created_at, created_at, expires_at, delay_notice_at, reason, 0, 0, '', '', '', '', ''
  FROM {_unnest("d", DeliveryRow._fields, _DELIVERY)}
)
INSERT INTO transport_trackingevent (
  id, tenant_id, at, event_id, source, message_id, internet_message_id, sender, recipients, subject, size, incoming,
  client_address, connector, reason, reference, detail)
SELECT id, tenant_id, at, event_id, source, message_id, internet_message_id, sender, recipients::text[], subject,
  size, incoming, client_address::inet, connector, reason, reference, detail::jsonb
FROM {_unnest("e", EventRow._fields, _EVENT)}
"""  # noqa: S608 - built from constants of this module


def store(connection: psycopg.Connection[Any] | BaseDatabaseWrapper | CursorWrapper, batch: Sequence[Accepted]) -> None:
    """Write the batch inside the caller's transaction; takes psycopg's or Django's connection, or Django's cursor."""
    if not batch:
        return
    raw = _raw_connection(connection)
    with psycopg.Cursor(raw) as cursor:
        register_columns(cursor.adapters)
        cursor.execute(_STATEMENT, _parameters(batch), prepare=False)


async def astore(connection: psycopg.AsyncConnection[Any], batch: Sequence[Accepted]) -> None:
    """Write the batch in one round trip; on an autocommitting connection it is committed when this returns."""
    if not batch:
        return
    async with connection.cursor() as cursor:
        register_columns(cursor.adapters)
        await cursor.execute(_STATEMENT, _parameters(batch), prepare=True)


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


def _parameters(batch: Sequence[Accepted]) -> list[Column]:
    queues = {row.id: row for accepted in batch for row in accepted.queues}
    return [
        *_columns(_QUEUE, list(queues.values())),
        *_columns(_MESSAGE, [accepted.message for accepted in batch]),
        *_columns(_BODY, [accepted.body for accepted in batch if accepted.body is not None]),
        *_columns(_DELIVERY, [row for accepted in batch for row in accepted.deliveries]),
        *_columns(_EVENT, [row for accepted in batch for row in accepted.events]),
    ]


def _columns(encoders: Sequence[Encoder], rows: Sequence[tuple[Any, ...]]) -> list[Column]:
    if not rows:
        return [encode(()) for encode in encoders]
    return [encode(values) for encode, values in zip(encoders, zip(*rows, strict=True), strict=True)]
