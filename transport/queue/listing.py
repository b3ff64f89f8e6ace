"""Queues as a person sees them: Exchange's properties and status, one statement per page (reference §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.rows import namedtuple_row

from transport.models import DeliveryType, Queue
from transport.queue.destinations import INITIAL
from transport.queue.filters import NONE, UNREACHABLE, QueueFilters
from transport.queue.obstacle import connector_facts
from transport.queue.slots import PER_HOST

# A queue of a million deliveries opens as fast as one of ten: what is beyond is told by the figures, which are some
# seconds old, or, before those know of it, as "1,000 and more".
COUNTED = 1_000

_QUEUES = f"""
SELECT q.connected_to, a.connections, a.reason AS reduced_for, a.reduced_at, q.id, q.tenant_id, q.delivery_type,
       q.next_hop_domain, q.connector_id, c.name AS connector_name, q.suspended,
       q.retry_count, q.last_retry_at, q.next_retry_at, q.connecting_until > now() AS connecting,
       CASE WHEN own_error THEN q.last_error_code ELSE e.last_error_code END AS last_error_code,
       CASE WHEN own_error THEN q.last_error_enhanced ELSE e.last_error_enhanced END AS last_error_enhanced,
       CASE WHEN own_error THEN q.last_error_text ELSE e.last_error_text END AS last_error_text,
       CASE WHEN own_error THEN q.last_error_reason ELSE e.last_error_reason END AS last_error_reason,
       CASE WHEN own_error THEN q.last_error_peer_text ELSE e.last_error_peer_text END AS last_error_peer_text,
       CASE WHEN own_error THEN q.last_error_phase ELSE e.last_error_phase END AS last_error_phase,
       CASE WHEN own_error THEN q.last_error_endpoint ELSE e.last_error_endpoint END AS last_error_endpoint,
       CASE WHEN own_error THEN q.last_error_at ELSE e.last_error_at END AS last_error_at,
       CASE WHEN s.deliveries < {COUNTED} THEN s.messages ELSE greatest(s.messages, f.messages) END AS messages,
       s.deliveries < {COUNTED} OR f.deliveries >= {COUNTED} AS is_counted_out,
       CASE WHEN s.deliveries < {COUNTED} OR f.deliveries IS NULL THEN s.low ELSE f.low END AS low,
       CASE WHEN s.deliveries < {COUNTED} THEN s.deliveries ELSE greatest(s.deliveries, f.deliveries) END AS recipients,
       s.deliveries, s.active, s.ready, s.retry,
       s.suspended AS suspended_deliveries, s.next_attempt, s.oldest, coalesce(e.recipient, s.recipient) AS recipient,
       now() AS now,
       -- What an administrator did first, then what happens now, then what it waits for: Exchange's status.
       CASE WHEN q.suspended THEN 'suspended'
            WHEN s.active > 0 THEN 'active'
            WHEN q.connecting_until > now() THEN 'connecting'
            WHEN q.next_retry_at > now() OR (s.retry > 0 AND s.ready = 0) THEN 'retry'
            WHEN s.suspended > 0 AND s.suspended = s.deliveries THEN 'suspended'
            ELSE 'ready' END AS status
FROM transport_queue q
LEFT JOIN transport_sendconnector c ON c.id = q.connector_id
LEFT JOIN transport_queuefigures f ON f.queue_id = q.id
LEFT JOIN LATERAL destination_allowance(
  (regexp_match(q.connected_to, '[^ ]+$'))[1]
) a ON q.connected_to <> ''
CROSS JOIN LATERAL (
  SELECT count(DISTINCT message_id) AS messages, count(*) AS deliveries,
         count(*) FILTER (WHERE state = 'active') AS active,
         count(*) FILTER (WHERE state = 'ready') AS ready,
         count(*) FILTER (WHERE state = 'retry') AS retry,
         count(*) FILTER (WHERE state = 'suspended') AS suspended,
         count(*) FILTER (WHERE priority > 0) AS low,
         min(next_attempt_at) FILTER (WHERE state = 'retry') AS next_attempt,
         min(created_at) AS oldest, min(recipient) AS recipient
  FROM (
    SELECT message_id, state, priority, next_attempt_at, created_at, recipient FROM transport_delivery d
    WHERE d.tenant_id = q.tenant_id AND d.queue_id = q.id LIMIT {COUNTED}
  ) bounded
) s
-- A refusal of single messages is no failure of the queue's connection, but it is why they wait. What is unreachable
-- has its reason from routing, without a time; the queue's own is the first message's, of long ago perhaps.
LEFT JOIN LATERAL (
  SELECT * FROM (
    SELECT * FROM transport_delivery d WHERE d.tenant_id = q.tenant_id AND d.queue_id = q.id LIMIT {COUNTED}
  ) bounded
  WHERE last_error_at IS NOT NULL OR q.delivery_type = 'unreachable'
  ORDER BY last_error_at DESC NULLS LAST, created_at DESC LIMIT 1
) e ON true
CROSS JOIN LATERAL (
  SELECT CASE WHEN q.delivery_type = 'unreachable' THEN e.last_error_reason IS NULL
              ELSE e.last_error_at IS NULL OR q.last_error_at >= e.last_error_at END AS own_error
) which
WHERE q.tenant_id = %(tenant)s
"""  # noqa: S608 - a constant of this module
_ONE = " AND q.id = %(queue)s"
# Empty queues are nobody's business, but a suspended one wants to be found before mail comes to it.
_PAGE = f"""
SELECT * FROM ({_QUEUES} AND (s.deliveries > 0 OR q.suspended)
  AND (q.next_hop_domain, q.id) > (%(domain)s, %(after)s) {{of_queue}}) listed
WHERE true {{computed}}
ORDER BY next_hop_domain, id LIMIT %(limit)s"""  # noqa: S608 - constants of this module
# Of a tenant with more queues than this, what is computed for each is looked for in the figures first, which are some
# seconds old; then it is computed for those.
MANY = 500
_IS_BIG = f"""
SELECT count(*) > {MANY} FROM (
  SELECT 1 FROM transport_queuefigures WHERE tenant_id = %(tenant)s LIMIT {MANY + 1}
) few
"""  # noqa: S608
_AS_COUNTED = " AND q.id IN (SELECT f.queue_id FROM transport_queuefigures f WHERE f.tenant_id = %(tenant)s{})"

_FIRST = UUID(int=0)
EVERYTHING = QueueFilters()


@dataclass(frozen=True, slots=True)
class QueueError:
    """The last error: our class of error, the peer's own words, and where it was said, kept apart."""

    code: int | None
    enhanced: str
    text: str
    reason: str
    peer_text: str
    phase: str
    endpoint: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Connections:
    """How many connections the host that a queue was last connected to gets at a time, from all of the platform."""

    host: str  # name and address:port
    allowed: int
    most: int
    reduced_for: str = ""  # a reason code: why there were fewer the last time
    reduced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedQueue:
    id: UUID
    tenant_id: UUID
    delivery_type: str
    next_hop_domain: str
    connector_id: UUID | None
    connector_name: str
    status: str  # Queue.Status
    message_count: int
    is_counted_out: bool  # False: there are more than were counted
    retry_count: int
    last_retry_at: datetime | None
    next_retry_at: datetime | None
    oldest_at: datetime | None
    last_error: QueueError | None
    recipient: str = ""  # one of those that wait
    obstacle: Mapping[str, Any] = field(default_factory=dict)  # the connector that an unreachable one is about
    connections: Connections | None = None
    normal: int = 0  # recipients by priority
    low: int = 0

    @property
    def identity(self) -> str:
        """Return the name that Exchange would give it: the next hop, by the connector that leads there."""
        return f"{self.connector_name}\\{self.next_hop_domain}" if self.connector_name else self.next_hop_domain

    @property
    def priorities(self) -> dict[str, int]:
        """Return how many recipients wait, by priority."""
        return {"normal": self.normal, "low": self.low}

    @property
    def reason_facts(self) -> dict[str, Any]:
        """Return what the last error's words are filled with."""
        error = self.last_error
        host, _, endpoint = error.endpoint.rpartition(" ") if error else ("", "", "")
        return {
            "queue_id": self.id,
            "domain": self._domain,
            "recipient": self.recipient,
            "connector": self.connector_name,
            "connector_id": self.connector_id,
            "endpoint": endpoint,
            "host": host or self._domain,
            "phase": error.phase if error else "",
            "reply": error.peer_text if error else "",
            "next_retry_at": self.next_retry_at,
            **self.obstacle,
        }

    @property
    def _domain(self) -> str:
        """Return the domain to speak of. “Unreachable Domain” is none: one of those that wait stands for them."""
        is_domain = self.delivery_type == DeliveryType.DNS_CONNECTOR
        return self.next_hop_domain if is_domain else self.recipient.rpartition("@")[2]


def list_queues(
    tenant_id: UUID,
    *,
    filters: QueueFilters = EVERYTHING,
    after: tuple[str, UUID] | None = None,
    limit: int = 100,
) -> list[ListedQueue]:
    """Return the queues that hold something, by next hop domain; `after` is the last one of the page before."""
    domain, queue_id = after or ("", _FIRST)
    parameters = {"tenant": tenant_id, "domain": domain, "after": queue_id, "limit": limit, **_values(filters)}
    of_queue, computed = _of_queue(filters), _computed(filters, "messages", "oldest", "last_error_reason")
    if computed and _fetch(_IS_BIG, parameters)[0][0]:
        known = _computed(filters, "f.messages", "f.oldest_at", "f.reason")
        of_queue += _AS_COUNTED.format(known)
    return [_listed(row) for row in _fetch(_PAGE.format(of_queue=of_queue, computed=computed), parameters)]


def _values(filters: QueueFilters) -> dict[str, Any]:
    return {
        "next_hop": filters.next_hop.removesuffix("*"),
        "delivery_type": filters.delivery_type,
        "status": filters.status,
        "reason": "" if filters.reason == NONE else filters.reason,
        "count": filters.count,
        "age": filters.age,
    }


def _of_queue(filters: QueueFilters) -> str:
    """Return the conditions that the queue's own row answers."""
    conditions = ""
    if filters.next_hop.endswith("*"):
        conditions += " AND starts_with(q.next_hop_domain, %(next_hop)s)"
    elif filters.next_hop:
        conditions += " AND q.next_hop_domain = %(next_hop)s"
    if filters.delivery_type:
        conditions += " AND q.delivery_type = %(delivery_type)s"
    return conditions


def _computed(filters: QueueFilters, messages: str, oldest: str, reason: str) -> str:
    """Return the conditions upon what is computed of a queue's messages; the columns are called as given."""
    conditions = ""
    if filters.status == UNREACHABLE:
        conditions += " AND delivery_type = 'unreachable' AND status IN ('ready', 'unreachable')"
    elif filters.status == Queue.Status.READY:
        conditions += " AND delivery_type <> 'unreachable' AND status = 'ready'"
    elif filters.status:
        conditions += " AND status = %(status)s"
    if filters.reason:
        conditions += f" AND coalesce({reason}, '') = %(reason)s"
    if filters.count:
        conditions += f" AND {messages} >= %(count)s"
    if filters.age:
        conditions += f" AND {oldest} <= now() - %(age)s::interval"
    return conditions


def find_queue(tenant_id: UUID, queue_id: UUID) -> ListedQueue | None:
    """Return one queue of the tenant, empty or not, or None where there is none."""
    rows = _fetch(_QUEUES + _ONE, {"tenant": tenant_id, "queue": queue_id})
    return _listed(rows[0]) if rows else None


def _fetch(statement: str, parameters: dict[str, Any]) -> Sequence[Any]:
    connection.ensure_connection()
    with connection.connection.cursor(row_factory=namedtuple_row) as cursor:
        return list(cursor.execute(statement, parameters).fetchall())


def _listed(row: Any) -> ListedQueue:
    waits_until = row.next_retry_at if row.next_retry_at and row.next_retry_at > row.now else row.next_attempt
    status = row.status
    error = _error(row)
    return ListedQueue(
        id=row.id,
        tenant_id=row.tenant_id,
        delivery_type=row.delivery_type,
        next_hop_domain=row.next_hop_domain,
        connector_id=row.connector_id,
        connector_name=row.connector_name or "",
        status=status,
        message_count=row.messages,
        is_counted_out=bool(row.is_counted_out),
        retry_count=row.retry_count,
        last_retry_at=row.last_retry_at,
        next_retry_at=waits_until if status == Queue.Status.RETRY else None,
        oldest_at=row.oldest,
        last_error=error,
        recipient=row.recipient or "",
        obstacle=connector_facts(error.reason, row.tenant_id, row.recipient)
        if error and row.connector_id is None
        else {},
        connections=_connections(row),
        normal=max(row.recipients - row.low, 0),
        low=row.low,
    )


def _connections(row: Any) -> Connections | None:
    if not row.connected_to:
        return None
    allowed = INITIAL if row.connections is None else row.connections
    return Connections(row.connected_to, min(allowed, PER_HOST), PER_HOST, row.reduced_for or "", row.reduced_at)


def _error(row: Any) -> QueueError | None:
    if not (row.last_error_text or row.last_error_reason):
        return None
    return QueueError(
        row.last_error_code,
        row.last_error_enhanced,
        row.last_error_text,
        row.last_error_reason,
        row.last_error_peer_text,
        row.last_error_phase,
        row.last_error_endpoint,
        row.last_error_at,
    )
