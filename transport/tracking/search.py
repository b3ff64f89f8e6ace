"""Searching the tracking log by Exchange's filters (Get-MessageTrackingLog, reference §6): newest first, by keyset.

Call it inside a scope. Nothing is counted: a page costs the same however long the log is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from tenants.identifiers import first_uuid7_of
from transport.models import TrackingEvent

MAX_PAGE: Final = 1000
# By the hash there is an index that row-level security lets through (design §12.8); the text settles it.
SENDER: Final = "sender_hash = hashtextextended(lower(%s), 0) AND lower(sender) = lower(%s)"
MESSAGE_ID: Final = "message_id_hash = hashtextextended(%s, 0) AND internet_message_id = %s"


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; empty means any. `end` is exclusive, as in Exchange; `subject` finds a part of it.

    `message_id` is the Message-ID of the header, or our own id of a message.
    """

    event_id: str = ""
    source: str = ""
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    message_id: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first, and the id to go on after; None where this is the last page."""

    events: list[TrackingEvent]
    next_before: UUID | None


def search(tenant_id: UUID, filters: Filters, *, before: UUID | None = None, limit: int = 50) -> Page:
    """Return one page of a tenant's events."""
    limit = max(1, min(limit, MAX_PAGE))
    rows = matching(tenant_id, filters)
    if before is not None:
        rows = rows.filter(id__lt=before)
    events = list(rows.order_by("-id")[: limit + 1])
    return Page(events[:limit], events[limit - 1].id if len(events) > limit else None)


def matching(tenant_id: UUID, filters: Filters) -> QuerySet[TrackingEvent]:
    """Return the events that match, without an order. Times are ranges of the key: other days are not read."""
    rows = TrackingEvent.objects.filter(tenant_id=tenant_id)
    start = filters.start or datetime.now(UTC) - timedelta(days=31)
    rows = rows.filter(id__gte=first_uuid7_of(start))
    if filters.end is not None:
        rows = rows.filter(id__lt=first_uuid7_of(filters.end))
    exact = {"event_id": filters.event_id.upper(), "source": filters.source.upper()}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if filters.sender:
        rows = rows.extra(where=[SENDER], params=[filters.sender] * 2)  # noqa: S610 - a constant
    if filters.recipient:
        rows = rows.filter(recipients__contains=[filters.recipient])
    if filters.subject:
        rows = rows.filter(subject__icontains=filters.subject)
    return _of_message(rows, filters.message_id.strip()) if filters.message_id.strip() else rows


def _of_message(rows: QuerySet[TrackingEvent], message_id: str) -> QuerySet[TrackingEvent]:
    try:
        return rows.filter(message_id=UUID(message_id))
    except ValueError:
        return rows.extra(where=[MESSAGE_ID], params=[message_id] * 2)  # noqa: S610 - a constant
