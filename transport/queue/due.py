"""Which queues have work now, and which of them a worker takes next: by fair share, tenants first, then age."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from transport.models import DeliveryType

# A queue whose connection is being opened is nobody else's; renewed like a lease, so a dead worker blocks it briefly.
CONNECTING: Final = timedelta(seconds=20)


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
# A loose scan over the index delivery_due: one probe for each queue that holds something ready, with its oldest. What
# it costs depends on the queues that are filled, not on how many tenants, queues or deliveries there are.
_HELD: Final = """
  (SELECT queue_id, next_attempt_at AS since FROM transport_delivery
   WHERE state IN ('ready', 'retry') ORDER BY queue_id, next_attempt_at LIMIT 1)
  UNION ALL
  SELECT next.queue_id, next.since FROM held CROSS JOIN LATERAL (
    SELECT d.queue_id, d.next_attempt_at AS since FROM transport_delivery d
    WHERE d.state IN ('ready', 'retry') AND d.queue_id > held.queue_id
    ORDER BY d.queue_id, d.next_attempt_at LIMIT 1
  ) AS next
"""
# Fair share: each tenant's first queue before anybody's second, what a tenant has running counted in; a queue
# that failed last time comes after those that did not.
_PICK: Final = f"""
WITH RECURSIVE held AS ({_HELD}), due AS MATERIALIZED (
  SELECT q.id, row_number() OVER (PARTITION BY q.tenant_id ORDER BY q.retry_count > 0, held.since, q.id)
           + coalesce(running.hops, 0) AS turn, held.since
  FROM held
  JOIN transport_queue q ON q.id = held.queue_id
  JOIN tenants_tenant t ON t.id = q.tenant_id AND t.status = 'active'
  LEFT JOIN unnest(%(tenants)s::uuid[], %(hops)s::int[]) AS running (tenant_id, hops) ON running.tenant_id = q.tenant_id
  WHERE held.since <= now() AND {_IS_DUE} AND q.id <> ALL(%(busy)s::uuid[])
), chosen AS (
  SELECT q.id, due.turn, due.since FROM transport_queue q JOIN due ON due.id = q.id
  WHERE {_IS_DUE} AND due.turn <= %(share)s
  ORDER BY due.turn, due.since LIMIT %(limit)s FOR UPDATE OF q SKIP LOCKED
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
  WHERE d.queue_id = q.id AND d.state IN ('ready', 'retry') AND d.next_attempt_at <= now()
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
    busy: Collection[UUID] = (),
    running: Mapping[UUID, int] | None = None,
) -> list[DueQueue]:
    """Pick due queues and keep others off them for CONNECTING; no tenant gets more than `share` at a time.

    `busy` are queues to leave out, `running` how many next hops each tenant has in this worker already.
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
