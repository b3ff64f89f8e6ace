"""Mail that a suspension holds: of a domain, a mailbox or a person. A suspended organisation's is not picked at all.

A delivery is held when it is claimed, whatever brought it to its turn, so that nothing slips through and nothing has
to be looked for; it is released by whoever finds that what held it is suspended no more. It does not expire meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from psycopg import AsyncConnection

from transport.models import Delivery, EventId, Source
from transport.queue.claim import Claim, ClaimedDelivery, ClaimedMessage
from transport.queue.columns import register_columns, texts, uuids
from transport.tracking.events import Subject, TrackingRow, ainsert_events, event

BATCH: Final = 1000
REASON: Final = "delivery.held_by_suspension"

_HOLD: Final = """
UPDATE transport_delivery d SET
  state = CASE WHEN d.pending = 'suspend' THEN 'suspended' ELSE 'held' END,
  pending = CASE WHEN d.pending = 'suspend' THEN '' ELSE d.pending END,
  held_by = h.holder, held_at = now(), held_state = h.was, lease_id = NULL, lease_until = NULL
FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS h (id, holder, was)
WHERE d.id = h.id AND d.lease_id = %s
"""
# A loose scan over the index of what is held: one probe for each holder, few as they are.
_RELEASE: Final = """
WITH RECURSIVE holders AS (
  (SELECT held_by FROM transport_delivery WHERE held_by IS NOT NULL ORDER BY held_by LIMIT 1)
  UNION ALL
  SELECT (
    SELECT d.held_by FROM transport_delivery d
    WHERE d.held_by IS NOT NULL AND d.held_by > holders.held_by ORDER BY d.held_by LIMIT 1
  ) FROM holders WHERE holders.held_by IS NOT NULL
), free AS (
  SELECT held_by FROM holders
  WHERE NOT EXISTS (SELECT 1 FROM tenants_accepteddomain a WHERE a.id = held_by AND a.suspended_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM tenants_mailbox b WHERE b.id = held_by AND NOT b.enabled)
    AND NOT EXISTS (SELECT 1 FROM tenants_user u WHERE u.id = held_by AND NOT u.is_active)
), due AS (
  SELECT id, state FROM transport_delivery WHERE held_by IN (SELECT held_by FROM free)
  ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
), back AS (
  UPDATE transport_delivery d SET
    state = CASE WHEN d.state = 'held' THEN d.held_state ELSE d.state END,
    config_version = CASE WHEN d.held_state = 'unreachable' THEN 0 ELSE d.config_version END,
    expires_at = CASE WHEN d.pending = '' THEN d.expires_at + (now() - d.held_at) ELSE d.expires_at END,
    delay_notice_at = d.delay_notice_at + (now() - d.held_at),
    held_by = NULL, held_at = NULL, held_state = ''
  FROM due WHERE d.id = due.id
  RETURNING d.message_id, d.recipient, due.state AS was
)
SELECT b.was, b.recipient, m.id, m.tenant_id, m.internet_message_id, m.sender, m.subject, m.size, m.incoming
FROM back b JOIN transport_message m ON m.id = b.message_id ORDER BY m.id
"""


async def hold(connection: AsyncConnection[Any], claim: Claim) -> Claim:
    """Set aside what of a claim something suspended holds. Return what may be worked on."""
    held = [(message, [one for one in message.deliveries if _is_held(one)]) for message in claim.messages]
    held = [(message, rows) for message, rows in held if rows]
    if not held:
        return claim
    rows = [row for _, some in held for row in some]
    async with connection.transaction(), connection.cursor() as cursor:
        register_columns(cursor.adapters)
        columns = [uuids([row.id for row in rows]), uuids([row.holder for row in rows]), texts([r.was for r in rows])]
        await cursor.execute(_HOLD, [*columns, claim.lease_id])
        await ainsert_events(connection, [_told(message, some) for message, some in held])
    left = [replace(message, deliveries=_others(message)) for message in claim.messages]
    return replace(claim, messages=tuple(message for message in left if message.deliveries))


async def release_held(connection: AsyncConnection[Any], limit: int = BATCH) -> int:
    """Give back what is held by nothing any more, with the time that it lost. Return how many deliveries."""
    async with connection.transaction():
        cursor = await connection.execute(_RELEASE, [limit])
        rows = await cursor.fetchall()
        events = [
            event(Subject(*facts), EventId.RESUBMIT, Source.ADMIN, [recipient], detail={"released": True})
            for was, recipient, *facts in rows
            if was == Delivery.State.HELD
        ]
        await ainsert_events(connection, events)
    return len(rows)


def _is_held(delivery: ClaimedDelivery) -> bool:
    """Say whether it is held; what an administrator suspended expires all the same, and what is to go may go."""
    is_free = delivery.pending in (Delivery.Pending.REMOVE, Delivery.Pending.REMOVE_WITH_NDR)
    return delivery.holder is not None and not is_free and delivery.was != Delivery.State.SUSPENDED


def _others(message: ClaimedMessage) -> tuple[ClaimedDelivery, ...]:
    return tuple(one for one in message.deliveries if not _is_held(one))


def _told(message: ClaimedMessage, rows: Sequence[ClaimedDelivery]) -> TrackingRow:
    return event(message.story, EventId.DEFER, Source.QUEUE, [row.recipient for row in rows], reason=REASON)
