"""Searching the tracking log over all tenants, for operators: newest first, by keyset, each filter by an index.

Beginnings of subjects are found, not parts of them: a part would have to read the whole log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from tenants.identifiers import first_uuid7_of
from transport.models import TrackingEvent
from transport.tracking.search import MESSAGE_ID, SENDER, Filters

SUBJECT_KEY: Final = 60  # characters that are stored of a subject to search by (transport/migrations/0015)
PERIOD: Final = timedelta(days=31)
MOST_FAILURES: Final = 1000

_FIRST_RECIPIENT: Final = (
    "hashtextextended(lower(recipients[1]), 0) = hashtextextended(lower(%(recipient)s), 0) "
    "AND lower(recipients[1]) = lower(%(recipient)s)"
)
_FURTHER_RECIPIENTS: Final = (
    "cardinality(recipients) > 1 AND tracking_keys(recipients) @> ARRAY[lower(%(recipient)s)] "
    "AND lower(recipients[1]) <> lower(%(recipient)s)"
)
_FAILURES: Final = f"""
SELECT reason, server_endpoint, count(*) AS failures, count(DISTINCT tenant_id) AS tenants,
       count(DISTINCT split_part(recipients[1], '@', 2)) AS domains, max(at) AS last_at, max(reply) AS example,
       (array_agg(message_id ORDER BY id DESC))[1] AS message_id
FROM (
  SELECT * FROM transport_trackingevent WHERE event_id = 'FAIL' AND id >= %s ORDER BY id DESC LIMIT {MOST_FAILURES}
) newest
GROUP BY reason, server_endpoint ORDER BY failures DESC, last_at DESC LIMIT %s
"""  # noqa: S608 - a constant of this module


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures with the same reason, told by the same server, whomever they hit."""

    reason: str
    endpoint: str
    count: int
    tenants: int
    domains: int
    last_at: datetime
    example: str
    message_id: UUID


def search_all(
    filters: Filters, *, tenant_id: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> list[TrackingEvent]:
    """Return events of all tenants, or of one, newest first, with their tenants. Call it in an operator's scope."""
    conditions, values = _conditions(filters, tenant_id, before)
    values["limit"] = limit
    ways = [_FIRST_RECIPIENT, _FURTHER_RECIPIENTS] if filters.recipient else ["true"]
    parts = [
        f"(SELECT id FROM transport_trackingevent WHERE {' AND '.join([*conditions, way])} "  # noqa: S608 - ours
        "ORDER BY id DESC LIMIT %(limit)s)"
        for way in ways
    ]
    together = " UNION ALL ".join(parts)
    statement = f"SELECT id FROM ({together}) found ORDER BY id DESC LIMIT %(limit)s"  # noqa: S608 - as above
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        ids = [row[0] for row in cursor.fetchall()]
    return list(TrackingEvent.objects.filter(pk__in=ids).select_related("tenant").order_by("-id"))


def recent_failures(since: datetime, limit: int) -> list[Failures]:
    """Return what failed last, the same failure once; of the newest MOST_FAILURES at most."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILURES, [first_uuid7_of(since), limit])
        return [Failures(*row) for row in cursor.fetchall()]


def _conditions(filters: Filters, tenant_id: UUID | None, before: UUID | None) -> tuple[Sequence[str], dict[str, Any]]:
    given: dict[str, Any] = {
        "id >= %(start)s": first_uuid7_of(filters.start or datetime.now(UTC) - PERIOD),
        "id < %(end)s": first_uuid7_of(filters.end) if filters.end else None,
        "id < %(before)s": before,
        "tenant_id = %(tenant)s": tenant_id,
        "event_id = %(event)s": filters.event_id.upper(),
        "source = %(source)s": filters.source.upper(),
        _named(SENDER, "sender"): filters.sender,
        f'lower(left(subject, {SUBJECT_KEY})) COLLATE "C" ^@ lower(%(subject)s)': filters.subject[:SUBJECT_KEY],
        **_of_message(filters.message_id.strip()),
    }
    wanted = {condition: value for condition, value in given.items() if value}
    values = {condition.partition("%(")[2].partition(")")[0]: value for condition, value in wanted.items()}
    return list(wanted), values | {"recipient": filters.recipient}


def _named(condition: str, name: str) -> str:
    """Return the condition with its parameters under a name."""
    return condition.replace("%s", f"%({name})s")


def _of_message(message_id: str) -> dict[str, Any]:
    try:
        return {"message_id = %(message)s": UUID(message_id)}
    except ValueError:
        return {_named(MESSAGE_ID, "message"): message_id}
