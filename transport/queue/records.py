"""Rows as arrays of PostgreSQL records in binary form (transport/migrations/0004_intake_records.py, 0018, 0025).

Five parameters carry a whole batch. One array for each column took 72, whose handling by psycopg and by PostgreSQL
cost more than storing the rows where a batch is small.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from transport.queue.rows import DeliveryRow, EventRow, MessageRow, QueueRow

TYPES: Final = ("intake_secured_message", "intake_queue", "intake_ranked_delivery", "intake_event")

_UUID, _TEXT, _BIGINT, _BOOL, _TIME, _SMALLINT = 2950, 25, 20, 16, 1184, 21
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NULL_TEXT: Final = struct.pack(">ii", _TEXT, -1)
_NULL_UUID: Final = struct.pack(">ii", _UUID, -1)
_NULL_TIME: Final = struct.pack(">ii", _TIME, -1)
_length: Final = struct.Struct(">i").pack
_array: Final = struct.Struct(">iiIii").pack
_text: Final = struct.Struct(">ii").pack
_uuid: Final = struct.Struct(">ii16s").pack
_time: Final = struct.Struct(">iiq").pack

_U, _B, _Q, _H = "ii16s", "ii?", "iiq", "iih"
# The number of fields, then those of fixed length: type, length, value.
_message: Final = struct.Struct(">i" + 2 * _U + _Q + 5 * _B + 2 * _Q).pack
_queue: Final = struct.Struct(">i" + 2 * _U).pack
_delivery: Final = struct.Struct(">i" + 4 * _U + 3 * _Q + _H).pack
_event: Final = struct.Struct(">i" + 3 * _U + 2 * _Q + _B).pack


def message_records(oid: int, rows: Sequence[MessageRow]) -> bytes:
    return _records(oid, [_message_record(row) for row in rows])


def queue_records(oid: int, rows: Sequence[QueueRow]) -> bytes:
    return _records(oid, [_queue_record(row) for row in rows])


def delivery_records(oid: int, rows: Sequence[DeliveryRow]) -> bytes:
    return _records(oid, [_delivery_record(row) for row in rows])


def event_records(oid: int, rows: Sequence[EventRow]) -> bytes:
    return _records(oid, [_event_record(row) for row in rows])


def _records(oid: int, records: Sequence[bytes]) -> bytes:
    # One dimension, no NULL, element type, length, lower bound 1; then each element with its length.
    parts = [_array(1, 0, oid, len(records), 1)]
    for record in records:
        parts += (_length(len(record)), record)
    return b"".join(parts)


def _message_record(row: MessageRow) -> bytes:
    fixed = _message(
        *(22, _UUID, 16, row.id.bytes, _UUID, 16, row.tenant_id.bytes, _BIGINT, 8, row.size),
        *(_BOOL, 1, row.incoming, _BOOL, 1, row.is_8bit, _BOOL, 1, row.smtputf8, _BOOL, 1, row.auto_submitted),
        *(_BOOL, 1, row.require_tls),
        *(_TIME, 8, _microseconds(row.received_at), _TIME, 8, _microseconds(row.expires_at)),
    )
    rest = _texts(
        row.sender,
        row.internet_message_id,
        row.from_header,
        row.subject,
        row.origin,
        row.client_address,
        row.client_name,
        row.receive_connector,
        row.envid,
        row.ret,
        row.trace,
    )
    return b"".join((fixed, _optional_uuid(row.mailbox_id), *rest))


def _queue_record(row: QueueRow) -> bytes:
    fixed = _queue(6, _UUID, 16, row.id.bytes, _UUID, 16, row.tenant_id.bytes)
    rest = _texts(row.delivery_type, row.next_hop_domain, row.reason)
    return b"".join((fixed, _optional_uuid(row.connector_id), *rest))


def _delivery_record(row: DeliveryRow) -> bytes:
    fixed = _delivery(
        *(15, _UUID, 16, row.id.bytes, _UUID, 16, row.tenant_id.bytes, _UUID, 16, row.message_id.bytes),
        *(_UUID, 16, row.queue_id.bytes, _BIGINT, 8, row.config_version),
        *(_TIME, 8, _microseconds(row.created_at), _TIME, 8, _microseconds(row.expires_at)),
        *(_SMALLINT, 2, row.priority),
    )
    notice = row.delay_notice_at
    noticed = _NULL_TIME if notice is None else _time(_TIME, 8, _microseconds(notice))
    rest = _texts(row.recipient, row.original_recipient, row.notify, row.state, row.reason)
    return b"".join((fixed, noticed, _optional_uuid(row.mailbox_id), *rest))


def _event_record(row: EventRow) -> bytes:
    fixed = _event(
        *(17, _UUID, 16, row.id.bytes, _UUID, 16, row.tenant_id.bytes, _UUID, 16, row.message_id.bytes),
        *(_TIME, 8, _microseconds(row.at), _BIGINT, 8, row.size, _BOOL, 1, row.incoming),
    )
    rest = _texts(
        row.event_id,
        row.source,
        row.internet_message_id,
        row.sender,
        row.recipients,
        row.subject,
        row.client_address,
        row.connector,
        row.reason,
        row.reference,
        row.detail,
    )
    return b"".join((fixed, *rest))


def _texts(*values: str | None) -> Iterable[bytes]:
    return [
        _NULL_TEXT if value is None else _short_text(value) if len(value) <= SHORT else _encoded(value)
        for value in values
    ]


def _encoded(value: str) -> bytes:
    encoded = value.encode("utf-8", "replace")
    # PostgreSQL's text holds no NUL, and UTF-8 no lone surrogates: neither may cost a batch its commit.
    if b"\0" in encoded:
        encoded = encoded.replace(b"\0", b"")
    return _text(_TEXT, len(encoded)) + encoded


# Most texts of a row are words of ours, or stand in the row of the message and in that of its event.
SHORT: Final = 64
_short_text = lru_cache(maxsize=4_096)(_encoded)


def _optional_uuid(value: UUID | None) -> bytes:
    return _NULL_UUID if value is None else _uuid(_UUID, 16, value.bytes)


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
