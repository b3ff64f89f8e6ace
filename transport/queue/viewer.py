"""What a queue viewer shows: queues with status and contents, without a query per row (reference §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from transport.models import Delivery, DeliveryType, Queue, SendConnector

# Counting a queue of a million takes longer than a page may: beyond this it is “10,000+”.
MOST_COUNTED: Final = 10_000

_COUNTS: Final = """
SELECT wanted.id, counted.total, counted.active, counted.suspended, counted.recipient, counted.reason
FROM unnest(%s::uuid[]) AS wanted (id), LATERAL (
  SELECT count(*) AS total, count(*) FILTER (WHERE state = 'active') AS active,
    count(*) FILTER (WHERE state = 'suspended') AS suspended,
    min(recipient) AS recipient, max(last_error_reason) AS reason
  FROM (
    SELECT state, recipient, last_error_reason FROM transport_delivery
    WHERE tenant_id = %s AND queue_id = wanted.id LIMIT %s
  ) AS counting
) AS counted
"""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a queue: how many, in which state, and one recipient to name."""

    count: int = 0
    active: int = 0
    suspended: int = 0
    recipient: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A queue as it is at this moment."""

    queue: Queue
    contents: Contents
    status: Queue.Status
    connector: str

    @property
    def count(self) -> int:
        return self.contents.count

    @property
    def is_counted_in_part(self) -> bool:
        return self.count > MOST_COUNTED

    @property
    def reason(self) -> str:
        """The reason code of why it waits, or '': a queue that moves needs none."""
        if self.queue.suspended:
            return "queue.suspended"
        if self.status in (Queue.Status.ACTIVE, Queue.Status.CONNECTING):
            return ""
        return self.queue.last_error_reason or self.contents.reason

    @property
    def count_label(self) -> str:
        return f"{MOST_COUNTED:,}+" if self.is_counted_in_part else f"{self.count:,}"

    @property
    def status_label(self) -> str:
        return str(self.status.label)

    @property
    def is_unreachable(self) -> bool:
        return self.queue.delivery_type == DeliveryType.UNREACHABLE

    @property
    def reason_facts(self) -> dict[str, Any]:
        """What the text of the last error's reason is filled with."""
        queue = self.queue
        return {
            "queue_id": queue.pk,
            "domain": self._named_domain,
            "recipient": self.contents.recipient,
            "connector": self.connector,
            "connector_id": queue.connector_id,
            "endpoint": queue.last_error_endpoint,
            "host": queue.last_error_endpoint,
            "reply": queue.last_error_peer_text,
            "next_retry_at": queue.next_retry_at,
        }

    @property
    def _named_domain(self) -> str:
        """The domain to speak of: “Unreachable Domain” is none, so one of those that wait there stands for them."""
        is_domain = self.queue.delivery_type == DeliveryType.DNS_CONNECTOR
        return self.queue.next_hop_domain if is_domain else self.contents.recipient.rpartition("@")[2]


def filled_queues(rows: QuerySet[Queue]) -> QuerySet[Queue]:
    """Leave out queues with nothing in them, except suspended ones: those want to be found."""
    waiting = Delivery.objects.filter(tenant_id=OuterRef("tenant_id"), queue_id=OuterRef("pk"))
    return rows.filter(Q(suspended=True) | Exists(waiting))


def entries(tenant_id: UUID, rows: Sequence[Queue], now: datetime | None = None) -> list[QueueEntry]:
    """Return the queues of one page with counts and status: two queries for all of them."""
    moment = now or timezone.now()
    counts = _counts(tenant_id, [row.pk for row in rows])
    wanted = {row.connector_id for row in rows if row.connector_id}
    names = dict(SendConnector.objects.filter(tenant_id=tenant_id, pk__in=wanted).values_list("pk", "name"))
    return [_entry(row, counts, names, moment) for row in rows]


def _counts(tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Contents]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [list(ids), tenant_id, MOST_COUNTED + 1])
        return {row[0]: Contents(row[1], row[2], row[3], row[4] or "", row[5] or "") for row in cursor.fetchall()}


def _entry(row: Queue, counts: Mapping[UUID, Contents], names: Mapping[Any, str], now: datetime) -> QueueEntry:
    contents = counts.get(row.pk, Contents())
    return QueueEntry(row, contents, status_of(row, contents.active, now), names.get(row.connector_id, ""))


def status_of(row: Queue, active: int, now: datetime) -> Queue.Status:
    """Return Exchange's status of a queue; suspended beats all, work in hand beats waiting."""
    if row.suspended:
        return Queue.Status.SUSPENDED
    if active:
        return Queue.Status.ACTIVE
    if row.connecting_until and row.connecting_until > now:
        return Queue.Status.CONNECTING
    if row.retry_count and row.next_retry_at and row.next_retry_at > now:
        return Queue.Status.RETRY
    return Queue.Status.READY
