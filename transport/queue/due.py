"""Which queues have work now, and which of them a worker takes next: by fair share, tenants first, then age."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from tenants.limits import JOIN_PLAN
from transport.models import DeliveryType

# A queue whose connection is being opened is nobody else's; renewed like a lease, so a dead worker blocks it briefly.
CONNECTING: Final = timedelta(seconds=20)
HANDICAP: Final = timedelta(minutes=1)  # of queues that hold nothing but mail of low priority


@dataclass(frozen=True, slots=True)
class DueQueue:
    """A queue that has work now, as picked for one worker."""

    id: UUID
    tenant_id: UUID
    delivery_type: str
    next_hop_domain: str
    connector_id: UUID | None
    retry_count: int
    has_error: bool

    @property
    def is_mailbox(self) -> bool:
        return self.delivery_type == DeliveryType.MAILBOX.value


_IS_DUE: Final = """
  NOT q.suspended AND q.delivery_type <> 'unreachable'
  AND (q.next_retry_at IS NULL OR q.next_retry_at <= now())
  AND (q.connecting_until IS NULL OR q.connecting_until <= now())
"""
# A loose scan over the index delivery_due_by_priority: one probe for each queue and priority of which something waits,
# with its oldest. What it costs depends on the queues that are filled, not on how many tenants, queues or deliveries
# there are.
_HELD: Final = """
  (SELECT queue_id, priority, next_attempt_at AS since FROM transport_delivery
   WHERE state IN ('ready', 'retry') ORDER BY queue_id, priority, next_attempt_at LIMIT 1)
  UNION ALL
  SELECT next.queue_id, next.priority, next.since FROM held CROSS JOIN LATERAL (
    SELECT d.queue_id, d.priority, d.next_attempt_at AS since FROM transport_delivery d
    WHERE d.state IN ('ready', 'retry') AND (d.queue_id, d.priority) > (held.queue_id, held.priority)
    ORDER BY d.queue_id, d.priority, d.next_attempt_at LIMIT 1
  ) AS next
"""
# Since when a queue has waited; one of low priority alone stands behind as if it had come later.
_SINCE: Final = "min(held.since + CASE WHEN held.priority > 0 THEN %(handicap)s ELSE interval '0' END)"
# Fair share: each tenant's first queue before anybody's second, what a tenant has running counted in, and so many
# queues in a row as its weight is; a queue that failed last time comes after those that did not.
_PICK: Final = f"""
WITH RECURSIVE held AS ({_HELD}), work AS (
  SELECT held.queue_id, {_SINCE} AS since FROM held WHERE held.since <= now() GROUP BY held.queue_id
), due AS MATERIALIZED (
  SELECT q.id, row_number() OVER (PARTITION BY q.tenant_id ORDER BY q.retry_count > 0, work.since, q.id)
           + coalesce(running.hops, 0) AS place, coalesce(p.weight, 1) AS weight, work.since
  FROM work
  JOIN transport_queue q ON q.id = work.queue_id
  JOIN tenants_tenant t ON t.id = q.tenant_id AND t.status = 'active'
  {JOIN_PLAN}
  LEFT JOIN unnest(%(tenants)s::uuid[], %(hops)s::int[]) AS running (tenant_id, hops) ON running.tenant_id = q.tenant_id
  WHERE {_IS_DUE} AND q.id <> ALL(%(busy)s::uuid[])
), chosen AS (
  SELECT q.id, due.place::float8 / due.weight AS turn, due.since FROM transport_queue q JOIN due ON due.id = q.id
  WHERE {_IS_DUE} AND due.place <= least(%(share)s * due.weight, %(most)s)
  ORDER BY turn, due.since LIMIT %(limit)s FOR UPDATE OF q SKIP LOCKED
), picked AS (
  UPDATE transport_queue q SET connecting_until = now() + %(connecting)s FROM chosen WHERE q.id = chosen.id
  RETURNING q.id, q.tenant_id, q.delivery_type, q.next_hop_domain, q.connector_id, q.retry_count,
    q.last_error_at IS NOT NULL AS has_error
)
SELECT picked.* FROM picked JOIN chosen USING (id) ORDER BY chosen.turn, chosen.since
"""  # noqa: S608 - built from constants of this module
_WITH_WORK: Final = """
SELECT q.id FROM transport_queue q
WHERE q.id = ANY(%s) AND NOT q.suspended AND EXISTS (
  SELECT 1 FROM transport_delivery d
  WHERE d.queue_id = q.id AND d.state IN ('ready', 'retry') AND d.priority IN (0, 1) AND d.next_attempt_at <= now()
)
"""
_ANY_WORK: Final = f"""
WITH RECURSIVE held AS ({_HELD})
SELECT EXISTS (
  SELECT 1 FROM held
  JOIN transport_queue q ON q.id = held.queue_id
  JOIN tenants_tenant t ON t.id = q.tenant_id AND t.status = 'active'
  WHERE held.since <= now() AND {_IS_DUE}
)
"""  # noqa: S608


async def pick_queues(
    connection: AsyncConnection[Any],
    *,
    limit: int,
    share: int,
    most: int | None = None,
    busy: Collection[UUID] = (),
    running: Mapping[UUID, int] | None = None,
) -> list[DueQueue]:
    """Pick due queues and keep others off them for CONNECTING.

    No tenant gets more than `share` at a time for each unit of its plan's weight, and `most` (else `share`) however
    heavy it is. `busy` are queues to leave out, `running` how many next hops each tenant has in this worker already.
    """
    running = running or {}
    async with connection.cursor(row_factory=class_row(DueQueue)) as cursor:
        await cursor.execute(
            _PICK,
            {
                "tenants": list(running),
                "hops": list(running.values()),
                "busy": list(busy),
                "share": share,
                "most": most or share,
                "handicap": HANDICAP,
                "limit": limit,
                "connecting": CONNECTING,
            },
        )
        return await cursor.fetchall()


async def queues_with_work(connection: AsyncConnection[Any], queue_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these queues that have something due."""
    if not queue_ids:
        return set()
    cursor = await connection.execute(_WITH_WORK, [list(queue_ids)])
    return {row[0] for row in await cursor.fetchall()}


async def has_due_work(connection: AsyncConnection[Any]) -> bool:
    """Tell whether any queue that nobody is connecting for has something due."""
    cursor = await connection.execute(_ANY_WORK)
    row = await cursor.fetchone()
    return bool(row and row[0])
