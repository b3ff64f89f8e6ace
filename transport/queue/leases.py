"""Leases: renewed while their holder lives, taken back when it does not (EX1, CE3).

A delivery whose lease ran out twice is poison: whatever holds it dies. It is set aside until somebody acts, and
what stood behind it flows on. Much is in flight when a worker dies, and most of it is innocent: so what was there once
is handled one at a time from then on, and marked while it is. Only what was marked is poison at the second time; what
was in flight beside it is a suspect still, unless that happens again and again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from transport.message.reply import Reply
from transport.models import EventId, Source
from transport.queue.claim import LEASE, Claim
from transport.queue.due import CONNECTING
from transport.tracking.events import Subject, ainsert_events, event

POISON_THRESHOLD: Final = 2  # Exchange's PoisonThreshold
IN_HAND: Final = 100  # added to a suspect's crashes while it alone is handled
COMPANY_THRESHOLD: Final = 10  # so often in the company of what kills is no accident
POISON_REPLY: Final = Reply(451, "4.3.0", "The message was set aside: working on it failed repeatedly")
POISON_REASON: Final = "queue.poison"

_RENEW: Final = """
UPDATE transport_delivery SET lease_until = now() + %s WHERE state = 'active' AND lease_id = ANY(%s)
"""
# One that its turn gave back after we counted it stays free: nobody is to wait for a lease that nobody holds. Rows of
# queues are locked in the order of their ids by everybody, so that nobody waits in a circle.
_RENEW_QUEUES: Final = """
WITH ours AS (
  SELECT id FROM transport_queue WHERE id = ANY(%s) AND connecting_until > now() ORDER BY id FOR UPDATE
)
UPDATE transport_queue q SET connecting_until = now() + %s FROM ours WHERE q.id = ours.id
"""
_FREE_QUEUE: Final = """
UPDATE transport_queue SET connecting_until = now() + %s, connected_to = coalesce(%s, connected_to) WHERE id = %s
"""
_RELEASE_ALL: Final = """
UPDATE transport_delivery
SET state = CASE WHEN pending = 'suspend' THEN 'suspended' WHEN attempts > 0 THEN 'retry' ELSE 'ready' END,
    pending = CASE WHEN pending = 'suspend' THEN '' ELSE pending END,
    crashes = crashes %% 100, lease_id = NULL, lease_until = NULL
WHERE lease_id = %s AND state = 'active'
"""
_RELEASE: Final = f"{_RELEASE_ALL} AND id = ANY(%s)"
_TAKE_IN_HAND: Final = """
UPDATE transport_delivery SET crashes = crashes + %s
WHERE lease_id = %s AND id = ANY(%s) AND crashes BETWEEN 1 AND 99
"""
_EXPIRE: Final = """
WITH lost AS (
  SELECT id, crashes >= %(in_hand)s AND crashes %% %(in_hand)s + 1 >= %(threshold)s
             OR crashes %% %(in_hand)s + 1 >= %(company)s AS is_poison
  FROM transport_delivery WHERE state = 'active' AND lease_until < now()
  ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), back AS (
  UPDATE transport_delivery d SET
    state = CASE WHEN lost.is_poison THEN 'poison' WHEN pending = 'suspend' THEN 'suspended'
                 WHEN attempts > 0 THEN 'retry' ELSE 'ready' END,
    pending = CASE WHEN pending = 'suspend' THEN '' ELSE pending END,
    crashes = crashes %% %(in_hand)s + 1, lease_id = NULL, lease_until = NULL, next_attempt_at = now(),
    last_error_code = CASE WHEN lost.is_poison THEN %(code)s ELSE last_error_code END,
    last_error_enhanced = CASE WHEN lost.is_poison THEN %(enhanced)s ELSE last_error_enhanced END,
    last_error_text = CASE WHEN lost.is_poison THEN %(text)s ELSE last_error_text END,
    last_error_reason = CASE WHEN lost.is_poison THEN %(reason)s ELSE last_error_reason END,
    last_error_at = CASE WHEN lost.is_poison THEN now() ELSE last_error_at END
  FROM lost WHERE d.id = lost.id
  RETURNING d.state, d.recipient, d.message_id
)
SELECT b.state, b.recipient, m.id, m.tenant_id, m.internet_message_id, m.sender, m.subject, m.size, m.incoming
FROM back b JOIN transport_message m ON m.id = b.message_id ORDER BY m.id
"""


async def renew(
    connection: AsyncConnection[Any], lease_ids: Collection[UUID], connecting: Collection[UUID] = ()
) -> None:
    """Push the end of leases, and of queues that we are connecting for, out again."""
    if lease_ids:
        await connection.execute(_RENEW, [LEASE, list(lease_ids)])
    if connecting:
        await connection.execute(_RENEW_QUEUES, [list(connecting), CONNECTING])


async def take_in_hand(connection: AsyncConnection[Any], lease_id: UUID, delivery_ids: Collection[UUID]) -> None:
    """Mark suspects as what is handled now: if this worker dies before it has recorded how they fared, it is they."""
    await connection.execute(_TAKE_IN_HAND, [IN_HAND, lease_id, list(delivery_ids)])


async def release(connection: AsyncConnection[Any], lease_id: UUID, delivery_ids: Collection[UUID]) -> None:
    """Give back what was claimed and not tried, as it was before."""
    if delivery_ids:
        await connection.execute(_RELEASE, [lease_id, list(delivery_ids)])


async def release_all(connection: AsyncConnection[Any], lease_id: UUID) -> None:
    """Give back whatever a claim took whose answer we never got."""
    await connection.execute(_RELEASE_ALL, [lease_id])


async def free_claim(connection: AsyncConnection[Any], claim: Claim) -> None:
    await release(connection, claim.lease_id, claim.delivery_ids)


async def free_queue(
    connection: AsyncConnection[Any],
    queue_id: UUID,
    after: timedelta = timedelta(0),
    connected_to: str | None = None,
) -> None:
    """Let others pick the queue again, at once or a moment later; say where it is connected to, if it is."""
    await connection.execute(_FREE_QUEUE, [after, connected_to, queue_id])


async def take_back_expired(connection: AsyncConnection[Any], limit: int = 1000) -> int:
    """Return deliveries of dead workers to their queues, or set them aside as poison. Return how many."""
    async with connection.transaction():
        cursor = await connection.execute(
            _EXPIRE,
            {
                "limit": limit,
                "threshold": POISON_THRESHOLD,
                "in_hand": IN_HAND,
                "company": COMPANY_THRESHOLD,
                "code": POISON_REPLY.code,
                "enhanced": POISON_REPLY.enhanced,
                "text": POISON_REPLY.text,
                "reason": POISON_REASON,
            },
        )
        rows = await cursor.fetchall()
        events = [
            event(
                Subject(*facts),
                EventId.POISONMESSAGE,
                Source.POISONMESSAGE,
                [recipient],
                reply=POISON_REPLY,
                reason=POISON_REASON,
            )
            for state, recipient, *facts in rows
            if state == "poison"
        ]
        await ainsert_events(connection, events)
    return len(rows)
