"""What time does to deliveries: their sender hears of a delay, and in the end that they are given up (EX5).

An administrator's removal with a notice takes this way too: what was asked for is written by the mail flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from transport.delivery.outcome import Outcome
from transport.message.reply import Reply
from transport.models import Delivery, Source
from transport.queue.claim import ClaimedDelivery, claim_expired, take_delayed
from transport.queue.holds import hold
from transport.queue.intake import astore
from transport.queue.notices import NoticeOffice, load_originals
from transport.queue.outcomes import Report, Result, Verdict
from transport.queue.record import record
from transport.routing.reasons import reply_for
from transport.tracking.events import ainsert_events

BATCH: Final = 100

# A delivery's own last error, or the one that keeps its whole queue waiting.
_ERRORS: Final = """
SELECT d.id,
  CASE WHEN own THEN d.last_error_code ELSE q.last_error_code END,
  CASE WHEN own THEN d.last_error_enhanced ELSE coalesce(q.last_error_enhanced, '') END,
  CASE WHEN own THEN d.last_error_text ELSE coalesce(q.last_error_text, '') END,
  CASE WHEN own THEN d.last_error_reason ELSE coalesce(q.last_error_reason, '') END,
  CASE WHEN own THEN d.last_error_phase ELSE coalesce(q.last_error_phase, '') END,
  CASE WHEN own THEN d.last_error_endpoint ELSE coalesce(q.last_error_endpoint, '') END
FROM transport_delivery d
LEFT JOIN transport_queue q ON q.id = d.queue_id
CROSS JOIN LATERAL (SELECT d.last_error_text <> '' OR d.last_error_reason <> '' AS own) AS which
WHERE d.id = ANY(%s)
"""


async def expire(connection: AsyncConnection[Any], limit: int = BATCH) -> int:
    """Give up what has expired, and tell the senders. Return how many deliveries that were."""
    claim = await claim_expired(connection, limit)
    if claim.is_empty:
        return 0
    found = len(claim.delivery_ids)
    claim = await hold(connection, claim)
    errors = await _last_errors(connection, claim.delivery_ids)
    at = datetime.now(UTC)
    reports = [
        Report(
            message,
            claim.lease_id,
            tuple(Result(one, _given_up(one, errors.get(one.id))) for one in message.deliveries),
            at,
        )
        for message in claim.messages
    ]
    await record(connection, reports)
    return found


async def tell_of_delays(connection: AsyncConnection[Any], limit: int = BATCH) -> int:
    """Tell senders of what has waited for the tenant's delay time. Return how many deliveries that were."""
    async with connection.transaction():
        claim = await take_delayed(connection, limit)
        if claim.is_empty:
            return 0
        errors = await _last_errors(connection, claim.delivery_ids)
        originals = await load_originals(connection, [message.id for message in claim.messages])
        office, at = NoticeOffice(connection), datetime.now(UTC)
        notices = []
        for message in claim.messages:
            results = [Result(one, errors.get(one.id, _DELAYED)) for one in message.deliveries]
            until = min(one.expires_at for one in message.deliveries)
            notices.append(await office.delay(message, results, originals.get(message.id, b""), at, until))
        await ainsert_events(connection, [row for notice in notices for row in notice.events])
        await astore(connection, [accepted for notice in notices for accepted in notice.accepted])
    return len(claim.delivery_ids)


_DELAYED: Final = Verdict(Outcome.TRANSIENT, reply_for("queue.delayed"), "queue.delayed", Source.QUEUE)


def _given_up(delivery: ClaimedDelivery, error: Verdict | None) -> Verdict:
    if delivery.pending == Delivery.Pending.REMOVE:
        # Asked for while it was in flight, and it came back untried: it goes as it does after a failed attempt.
        return Verdict(Outcome.TRANSIENT, reply_for("queue.removed"), "queue.removed", Source.ADMIN)
    if delivery.pending == Delivery.Pending.REMOVE_WITH_NDR:
        return Verdict(Outcome.PERMANENT, reply_for("queue.removed"), "queue.removed", Source.ADMIN)
    cause, reason = (str(error.reply), error.reason) if error else ("", "")
    reply = reply_for("queue.expired")
    return Verdict(Outcome.PERMANENT, reply, "queue.expired", Source.QUEUE, cause=cause, cause_reason=reason)


async def _last_errors(connection: AsyncConnection[Any], delivery_ids: Sequence[UUID]) -> dict[UUID, Verdict]:
    cursor = await connection.execute(_ERRORS, [list(delivery_ids)])
    return {row[0]: _verdict(*row[1:]) for row in await cursor.fetchall() if row[3] or row[4]}


def _verdict(code: int | None, enhanced: str, text: str, reason: str, phase: str, server: str) -> Verdict:
    host, _, endpoint = server.rpartition(" ")
    reply = Reply(code or 451, enhanced or None, text) if text else _reply_of(reason)
    return Verdict(Outcome.TRANSIENT, reply, reason or "queue.delayed", phase=phase, host=host, endpoint=endpoint)


def _reply_of(reason: str) -> Reply:
    """Return the registry's words for a wait that no peer caused, as for a message without a route."""
    try:
        return reply_for(reason)
    except KeyError:
        return reply_for("queue.delayed")
