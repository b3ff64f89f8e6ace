"""After a change of configuration: what it unblocks moves by itself (invariant 7, design §12.6)."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from transport.queue.claim import Claim, claim_outdated, claim_unreachable, first_outdated
from transport.queue.configuration import Configuration
from transport.queue.leases import free_claim
from transport.queue.reroute import queue_of, reroute_claim, route_again

BATCH: Final = 200
# No configuration has a lower version: for what was marked to be routed again, whatever routed it.
FIRST_VERSION: Final = 1

_MARK: Final = """
UPDATE transport_delivery SET config_version = 0
WHERE id IN (
  SELECT id FROM transport_delivery WHERE queue_id = %s AND state IN ('ready', 'retry')
  ORDER BY id FOR UPDATE SKIP LOCKED
)
"""
_TENANT: Final = "SELECT config_version FROM tenants_tenant WHERE id = %s AND status = 'active'"
_OUTDATED_TENANTS: Final = """
SELECT t.id FROM tenants_tenant t WHERE t.status = 'active' AND EXISTS (
  SELECT 1 FROM transport_delivery d
  WHERE d.tenant_id = t.id AND d.state = 'unreachable' AND d.config_version < t.config_version
    AND (d.lease_until IS NULL OR d.lease_until < now())
)
"""
_CONNECTORLESS: Final = """
SELECT q.id FROM transport_queue q
LEFT JOIN transport_sendconnector c ON c.id = q.connector_id AND c.enabled
WHERE q.connector_id IS NOT NULL AND c.id IS NULL AND (%(tenant)s::uuid IS NULL OR q.tenant_id = %(tenant)s)
  AND EXISTS (SELECT 1 FROM transport_delivery d WHERE d.queue_id = q.id AND d.state IN ('ready', 'retry'))
"""
# What an administrator asked to have routed again, or took back a redirection of: without waiting for its turn.
_MARKED: Final = """
SELECT DISTINCT queue_id FROM transport_delivery
WHERE tenant_id = %s AND state IN ('ready', 'retry') AND config_version < %s
"""
# A loose scan over the index of what is due: one probe for each queue that holds something.
_ORPHANS: Final = """
WITH RECURSIVE held AS (
  (SELECT queue_id FROM transport_delivery WHERE state IN ('ready', 'retry') ORDER BY queue_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT d.queue_id FROM transport_delivery d
    WHERE d.state IN ('ready', 'retry') AND d.queue_id > held.queue_id ORDER BY d.queue_id LIMIT 1
  ) FROM held WHERE held.queue_id IS NOT NULL
)
SELECT queue_id FROM held
WHERE queue_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transport_queue q WHERE q.id = held.queue_id)
"""


async def reroute_tenant(connection: AsyncConnection[Any], tenant_id: UUID) -> int:
    """Route again what a tenant's change of configuration may have moved. Return how many deliveries were looked at."""
    cursor = await connection.execute(_TENANT, [tenant_id])
    row = await cursor.fetchone()
    if row is None:
        return 0
    version = row[0]
    looked_at = await _reroute_unreachable(connection, tenant_id, version)
    for queue_id in await connectorless_queues(connection, tenant_id):
        looked_at += await reroute_whole_queue(connection, queue_id)
    for queue_id in await _moved_queues(connection, tenant_id, version):
        looked_at += await _reroute_queue(connection, queue_id, version)
    return looked_at


async def reroute_marked(connection: AsyncConnection[Any], tenant_id: UUID) -> int:
    """Route again what an administrator asked to have routed again. Return how many deliveries were looked at.

    It reads all that waits of the tenant, so it is for who asks, and not for each change of configuration.
    """
    looked_at = await reroute_tenant(connection, tenant_id)
    for queue_id in await _marked_queues(connection, tenant_id):
        looked_at += await _reroute_queue(connection, queue_id, FIRST_VERSION)
    return looked_at


async def outdated_tenants(connection: AsyncConnection[Any]) -> list[UUID]:
    """Return the tenants with unreachable deliveries that an older configuration routed: a hint got lost."""
    cursor = await connection.execute(_OUTDATED_TENANTS)
    return [row[0] for row in await cursor.fetchall()]


async def connectorless_queues(connection: AsyncConnection[Any], tenant_id: UUID | None = None) -> list[UUID]:
    """Return queues with work whose connector is gone or switched off."""
    cursor = await connection.execute(_CONNECTORLESS, {"tenant": tenant_id})
    return [row[0] for row in await cursor.fetchall()]


async def adopt_orphans(connection: AsyncConnection[Any]) -> int:
    """Route again deliveries whose queue was tidied away at the moment they came in."""
    cursor = await connection.execute(_ORPHANS)
    orphans = [row[0] for row in await cursor.fetchall()]
    return sum([await reroute_whole_queue(connection, queue_id, anew=True) for queue_id in orphans])


async def reroute_whole_queue(connection: AsyncConnection[Any], queue_id: UUID, *, anew: bool = False) -> int:
    """Route again all that waits in a queue, whichever configuration routed it."""
    await connection.execute(_MARK, [queue_id])
    return await _reroute_queue(connection, queue_id, FIRST_VERSION, anew)


async def _reroute_queue(connection: AsyncConnection[Any], queue_id: UUID, version: int, anew: bool = False) -> int:
    """Route a queue again, batch by batch; suspended messages stay where they are, as in Exchange."""
    looked_at = 0
    while not (claim := await claim_outdated(connection, queue_id, version, BATCH)).is_empty:
        await free_claim(connection, await reroute_claim(connection, claim, anew=anew))
        looked_at += len(claim.delivery_ids)
    return looked_at


async def _reroute_unreachable(connection: AsyncConnection[Any], tenant_id: UUID, version: int) -> int:
    looked_at = 0
    while not (claim := await claim_unreachable(connection, tenant_id, version, BATCH)).is_empty:
        await reroute_claim(connection, claim)
        looked_at += len(claim.delivery_ids)
    return looked_at


async def _marked_queues(connection: AsyncConnection[Any], tenant_id: UUID) -> list[UUID]:
    cursor = await connection.execute(_MARKED, [tenant_id, FIRST_VERSION])
    return [row[0] for row in await cursor.fetchall()]


async def _moved_queues(connection: AsyncConnection[Any], tenant_id: UUID, version: int) -> list[UUID]:
    """Return the queues whose first message would go elsewhere now. Others are looked at as they come to be sent."""
    configuration = Configuration()
    samples: Claim = await first_outdated(connection, tenant_id, version, BATCH)
    moved = set()
    for message in samples.messages:
        routing = await route_again(connection, configuration, message)
        routed = {one.original: one for part in routing.messages for one in part.recipients}
        for delivery in message.deliveries:
            one = routed.get(delivery.recipient)
            if one is None or one.next_hop is None or queue_of(message, one.next_hop) != delivery.queue_id:
                moved.add(delivery.queue_id)
    return sorted(moved)
