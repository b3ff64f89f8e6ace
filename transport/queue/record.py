"""Recording what became of deliveries: rows, queue and tracking events in one transaction (invariant 3).

Only what is still under the reporter's lease is touched, so recording twice changes nothing and tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from transport.delivery.outcome import Outcome
from transport.models import Delivery, EventId, Source
from transport.queue.columns import Column, integers, register_columns, texts, times, uuids
from transport.queue.intake import astore
from transport.queue.notices import Notice, prepare_notices
from transport.queue.outcomes import QueueChange, Report, Result, Verdict
from transport.tracking.events import TrackingRow, ainsert_events, event

_FINISH: Final = """
WITH mine AS (
  SELECT d.id FROM transport_delivery d
  JOIN unnest(%s::uuid[], %s::uuid[]) AS r (id, lease_id) ON r.id = d.id AND r.lease_id = d.lease_id
  ORDER BY d.id FOR UPDATE OF d
)
DELETE FROM transport_delivery d USING mine WHERE d.id = mine.id RETURNING d.id
"""
_POSTPONE: Final = """
WITH mine AS (
  SELECT r.* FROM transport_delivery d
  JOIN unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[]) AS r
      (id, lease_id, next_attempt_at, code, enhanced, text, reason, peer_text, phase, endpoint)
    ON r.id = d.id AND r.lease_id = d.lease_id
  ORDER BY d.id FOR UPDATE OF d
)
UPDATE transport_delivery d SET
  state = CASE WHEN d.pending = '' THEN 'retry' ELSE 'suspended' END,
  pending = CASE WHEN d.pending = 'suspend' THEN '' ELSE d.pending END,
  attempts = d.attempts + 1, crashes = 0, next_attempt_at = mine.next_attempt_at, lease_id = NULL, lease_until = NULL,
  last_error_code = mine.code, last_error_enhanced = mine.enhanced, last_error_text = mine.text,
  last_error_reason = mine.reason, last_error_peer_text = mine.peer_text, last_error_phase = mine.phase,
  last_error_endpoint = mine.endpoint, last_error_at = now()
FROM mine WHERE d.id = mine.id
RETURNING d.id, d.pending
"""
_DROP: Final = "DELETE FROM transport_delivery WHERE id = ANY(%s)"
_CHANGE_QUEUE: Final = """
UPDATE transport_queue SET retry_count = %s, last_retry_at = %s, next_retry_at = %s, connecting_until = NULL,
  last_error_code = %s, last_error_enhanced = %s, last_error_text = %s, last_error_reason = %s,
  last_error_peer_text = %s, last_error_phase = %s, last_error_endpoint = %s, last_error_at = %s,
  connected_to = coalesce(nullif(%s, ''), connected_to)
WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class _Matched:
    """What the reporter still held when it came to recording."""

    finished: frozenset[UUID]
    pending: Mapping[UUID, str]

    def __contains__(self, result: Result) -> bool:
        return result.delivery.id in self.finished or result.delivery.id in self.pending


async def record(
    connection: AsyncConnection[Any], reports: Sequence[Report], changes: Iterable[QueueChange] = ()
) -> None:
    """Record attempts and what they mean for their queues, in one transaction."""
    notices = await prepare_notices(connection, reports)
    async with connection.transaction():
        await write_reports(connection, reports, notices)
        for change in sorted(changes, key=lambda change: change.queue_id):
            await _change_queue(connection, change)


async def write_reports(
    connection: AsyncConnection[Any], reports: Sequence[Report], notices: Sequence[Sequence[Notice]]
) -> None:
    """Record attempts inside the caller's transaction; `notices` were prepared before it, some for each report."""
    matched = _Matched(frozenset(await _finish(connection, reports)), dict(await _postpone(connection, reports)))
    removed = [delivery for delivery, pending in matched.pending.items() if pending == Delivery.Pending.REMOVE]
    if removed:
        await connection.execute(_DROP, [removed])
    events = [row for report in reports for row in _events(report, matched)]
    due = [
        notice
        for report, prepared in zip(reports, notices, strict=True)
        for notice in prepared
        if any(result in matched for result in report.with_status(notice.about))
    ]
    await ainsert_events(connection, [*events, *(row for notice in due for row in notice.events)])
    await astore(connection, [accepted for notice in due for accepted in notice.accepted])


async def _finish(connection: AsyncConnection[Any], reports: Sequence[Report]) -> list[UUID]:
    rows = [
        (result.delivery.id, report.lease_id)
        for report in reports
        for result in report.results
        if result.verdict.status is not Outcome.TRANSIENT
    ]
    if not rows:
        return []
    ids, leases = zip(*rows, strict=True)
    async with connection.cursor() as cursor:
        register_columns(cursor.adapters)
        await cursor.execute(_FINISH, [uuids(ids), uuids(leases)])
        return [row[0] for row in await cursor.fetchall()]


async def _postpone(connection: AsyncConnection[Any], reports: Sequence[Report]) -> list[tuple[UUID, str]]:
    rows = [
        (result.delivery.id, report.lease_id, result.next_attempt_at or report.at, *error_columns(result.verdict))
        for report in reports
        for result in report.with_status(Outcome.TRANSIENT)
    ]
    if not rows:
        return []
    encoders: tuple[Callable[[Sequence[Any]], Column], ...] = (uuids, uuids, times, integers, *[texts] * 6)
    columns = [encode(values) for encode, values in zip(encoders, zip(*rows, strict=True), strict=True)]
    async with connection.cursor() as cursor:
        register_columns(cursor.adapters)
        await cursor.execute(_POSTPONE, columns)
        return await cursor.fetchall()


def error_columns(verdict: Verdict) -> tuple[int | None, str, str, str, str, str, str]:
    """Return code, enhanced, text, reason, the peer's words, phase and endpoint, as rows keep an error."""
    return (
        verdict.reply.code or None,
        verdict.reply.enhanced or "",
        verdict.reply.text,
        verdict.reason,
        str(verdict.peer_reply) if verdict.peer_reply else "",
        verdict.phase,
        verdict.server,
    )


async def _change_queue(connection: AsyncConnection[Any], change: QueueChange) -> None:
    verdict = change.verdict
    error = error_columns(verdict) if verdict else (None, "", "", "", "", "", "")
    host = change.connected_to or (verdict.server if verdict and verdict.endpoint else "")
    when = change.at if verdict else None
    await connection.execute(
        _CHANGE_QUEUE,
        [change.retry_count, change.at, change.next_retry_at, *error, when, host, change.queue_id],
    )


def _events(report: Report, matched: _Matched) -> Iterator[TrackingRow]:
    """Yield one event for each group of recipients that fared alike."""
    groups: dict[tuple[Verdict, datetime | None, str], list[Result]] = {}
    for result in report.results:
        if result in matched:
            key = (result.verdict, result.next_attempt_at, matched.pending.get(result.delivery.id, ""))
            groups.setdefault(key, []).append(result)
    for (verdict, next_attempt_at, pending), results in groups.items():
        if verdict.reason != "queue.removed" or verdict.status is not Outcome.TRANSIENT:
            yield _event(report, verdict, results, next_attempt_at)
        if pending == Delivery.Pending.REMOVE:
            recipients = [result.delivery.recipient for result in results]
            yield event(
                report.message.story, EventId.DROP, Source.ADMIN, recipients, at=report.at, reason="queue.removed"
            )


def _event(report: Report, verdict: Verdict, results: Sequence[Result], next_at: datetime | None) -> TrackingRow:
    kinds = {
        Outcome.DELIVERED: report.delivered_as,
        Outcome.TRANSIENT: (EventId.DEFER, verdict.source),
        Outcome.PERMANENT: (EventId.FAIL, verdict.source),
    }
    event_id, source = kinds[verdict.status]
    detail: dict[str, Any] = verdict.facts | {"attempt": results[0].delivery.attempts + 1}
    if report.milliseconds is not None:
        detail["milliseconds"] = report.milliseconds
    if report.tls_policy is not None:
        detail["tls_policy"] = dict(report.tls_policy)
    if next_at is not None:
        detail["next_attempt_at"] = next_at.isoformat()
    return event(
        report.message.story,
        event_id,
        source,
        [result.delivery.recipient for result in results],
        at=report.at,
        endpoint=verdict.server,
        connector=report.connector,
        reply=verdict.words,
        reason="" if verdict.status is Outcome.DELIVERED else verdict.reason,
        detail=detail,
    )
