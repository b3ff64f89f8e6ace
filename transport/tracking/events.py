"""Rows of the message tracking log, made the same way by everybody who writes one (invariant 3).

The writer inserts them in the transaction that changes what they tell of.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection as django_connection

from tenants.identifiers import uuid7
from transport.message.reply import Reply
from transport.models.tracking import EventId, Source
from transport.queue.columns import Column, booleans, integers, register_columns, texts, times, uuids


@dataclass(frozen=True, slots=True)
class Subject:
    """The message that an event is about, as far as the log repeats it."""

    message_id: UUID
    tenant_id: UUID
    internet_message_id: str
    sender: str
    subject: str
    size: int
    incoming: bool


class TrackingRow(NamedTuple):
    """One event, in the order of its columns; it gets its id when it is written."""

    tenant_id: UUID
    at: datetime
    event_id: str
    source: str
    message_id: UUID
    internet_message_id: str
    sender: str
    recipients: str  # an array's literal
    subject: str
    size: int
    incoming: bool
    client_address: str | None
    server_endpoint: str
    connector: str
    code: int | None
    enhanced: str
    reply: str
    reason: str
    reference: str
    detail: str | None


class _Identifiers:
    """UUIDv7 that never go back within the process: events keep the order in which they are written."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> UUID:
        fresh = uuid7().int
        with self._lock:
            same_millisecond = fresh >> 80 <= self._last >> 80
            self._last = self._last + 1 if same_millisecond else fresh & ~(1 << 61)
            return UUID(int=self._last)


_next_id = _Identifiers()


def event(
    subject: Subject,
    event_id: EventId,
    source: Source,
    recipients: Sequence[str],
    *,
    at: datetime | None = None,
    client_address: str | None = None,
    endpoint: str = "",
    connector: str = "",
    reply: Reply | None = None,
    reason: str = "",
    reference: str = "",
    detail: Mapping[str, Any] | None = None,
) -> TrackingRow:
    """Return one event. `reply` holds the words that decided it, a peer's verbatim."""
    return TrackingRow(
        tenant_id=subject.tenant_id,
        at=at or datetime.now(UTC),
        event_id=event_id.value,
        source=source.value,
        message_id=subject.message_id,
        internet_message_id=subject.internet_message_id,
        sender=subject.sender,
        recipients=array_literal(recipients),
        subject=subject.subject,
        size=subject.size,
        incoming=subject.incoming,
        client_address=client_address,
        server_endpoint=endpoint,
        connector=connector,
        code=(reply.code or None) if reply else None,
        enhanced=(reply.enhanced or "") if reply else "",
        reply=reply.text if reply else "",
        reason=reason,
        reference=reference,
        detail=to_json(detail) if detail else None,
    )


def array_literal(values: Sequence[str]) -> str:
    quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join(quoted) + "}"


def to_json(value: Mapping[str, Any]) -> str:
    # jsonb refuses an escaped NUL; lone surrogates are replaced when the column is encoded.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).replace("\\u0000", "")


_Encoder = Callable[[Sequence[Any]], Column]
_COLUMNS: Final[dict[str, tuple[_Encoder, str, str]]] = {
    "id": (uuids, "uuid[]", ""),
    "tenant_id": (uuids, "uuid[]", ""),
    "at": (times, "timestamptz[]", ""),
    "event_id": (texts, "text[]", ""),
    "source": (texts, "text[]", ""),
    "message_id": (uuids, "uuid[]", ""),
    "internet_message_id": (texts, "text[]", ""),
    "sender": (texts, "text[]", ""),
    "recipients": (texts, "text[]", "::text[]"),
    "subject": (texts, "text[]", ""),
    "size": (integers, "bigint[]", ""),
    "incoming": (booleans, "boolean[]", ""),
    "client_address": (texts, "text[]", "::inet"),
    "server_endpoint": (texts, "text[]", ""),
    "connector": (texts, "text[]", ""),
    "code": (integers, "bigint[]", "::smallint"),
    "enhanced": (texts, "text[]", ""),
    "reply": (texts, "text[]", ""),
    "reason": (texts, "text[]", ""),
    "reference": (texts, "text[]", ""),
    "detail": (texts, "text[]", "::jsonb"),
}
assert tuple(_COLUMNS) == ("id", *TrackingRow._fields)
_INSERT: Final = f"""
INSERT INTO transport_trackingevent ({", ".join(_COLUMNS)})
SELECT {", ".join(name + cast for name, (_, _, cast) in _COLUMNS.items())}
FROM unnest({", ".join(f"%s::{kind}" for _, kind, _ in _COLUMNS.values())}) AS e ({", ".join(_COLUMNS)})
"""  # noqa: S608 - built from constants of this module


async def ainsert_events(connection: psycopg.AsyncConnection[Any], rows: Sequence[TrackingRow]) -> None:
    """Write events inside the caller's transaction."""
    if not rows:
        return
    async with connection.cursor() as cursor:
        register_columns(cursor.adapters)
        await cursor.execute(_INSERT, _parameters(rows))


def insert_events(rows: Sequence[TrackingRow]) -> None:
    """Write events inside the transaction of Django's connection."""
    if not rows:
        return
    django_connection.ensure_connection()
    raw = django_connection.connection
    assert isinstance(raw, psycopg.Connection)
    with psycopg.Cursor(raw) as cursor:
        register_columns(cursor.adapters)
        cursor.execute(_INSERT, _parameters(rows))


def _parameters(rows: Sequence[TrackingRow]) -> list[Column]:
    numbered = [(_next_id(), *row) for row in rows]
    columns = zip(_COLUMNS.values(), zip(*numbered, strict=True), strict=True)
    return [encode(values) for (encode, _, _), values in columns]
