"""Mail in and out by the hour: the tracking log summed up once, an hour's events at a time, never at a page view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from tenants.identifiers import first_uuid7_of
from transport.models import RollUp, Traffic

NAME: Final = "traffic"
KEPT: Final = timedelta(days=31)
# An event gets its id before its transaction commits: what is younger than this may still be joined by an older one.
SETTLED: Final = timedelta(seconds=60)
SLICE: Final = timedelta(hours=1)
SLICES: Final = 24 * 31  # in one call: a whole log, where it was never summed up

_NEXT: Final = "SELECT id FROM transport_trackingevent WHERE id > %s ORDER BY id LIMIT 1"
_SUMS: Final = {
    "received": "count(*) FILTER (WHERE event_id = 'RECEIVE' AND incoming)",
    "submitted": "count(*) FILTER (WHERE event_id = 'RECEIVE' AND NOT incoming)",
    "sent": "coalesce(sum(cardinality(recipients)) FILTER (WHERE event_id = 'SEND'), 0)",
    "delivered": "coalesce(sum(cardinality(recipients)) FILTER (WHERE event_id = 'DELIVER'), 0)",
    "deferred": "coalesce(sum(cardinality(recipients)) FILTER (WHERE event_id = 'DEFER'), 0)",
    "failed": "coalesce(sum(cardinality(recipients)) FILTER (WHERE event_id = 'FAIL'), 0)",
    "bytes_in": "coalesce(sum(size) FILTER (WHERE event_id = 'RECEIVE'), 0)",
}
_NAMES: Final = ", ".join(_SUMS)
_ADDED: Final = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in _SUMS)
_ADD: Final = f"""
WITH summed AS MATERIALIZED (
  SELECT tenant_id, date_trunc('hour', at) AS hour, {", ".join(f"{text} AS {name}" for name, text in _SUMS.items())}
  FROM transport_trackingevent WHERE id > %(after)s AND id <= %(until)s GROUP BY 1, 2
), platform AS (
  INSERT INTO transport_platformtraffic AS t (hour, {_NAMES})
  SELECT hour, {", ".join(f"sum({name})" for name in _SUMS)} FROM summed GROUP BY hour
  ON CONFLICT (hour) DO UPDATE SET {_ADDED}
)
INSERT INTO transport_traffic AS t (id, tenant_id, hour, {_NAMES})
SELECT gen_random_uuid(), tenant_id, hour, {_NAMES} FROM summed
WHERE EXISTS (SELECT 1 FROM tenants_tenant WHERE id = summed.tenant_id)
ON CONFLICT (tenant_id, hour) DO UPDATE SET {_ADDED}
"""  # noqa: S608 - built from constants of this module
# The hour under which the forgotten ones stand.
FORGOTTEN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORGET: Final = f"""
WITH gone AS (
  DELETE FROM transport_platformtraffic WHERE hour < %(old)s AND hour > %(before)s RETURNING *
)
INSERT INTO transport_platformtraffic AS t (hour, {_NAMES})
SELECT %(before)s, {", ".join(f"sum({name})" for name in _SUMS)} FROM gone HAVING count(*) > 0
ON CONFLICT (hour) DO UPDATE SET {_ADDED}
"""  # noqa: S608 - built from constants of this module


def sum_up(now: datetime | None = None, settled: timedelta = SETTLED) -> int:
    """Add what the tracking log has gained since the last time. Return how many slices of it were added.

    Safe to run twice and beside itself: how far it has come is written in the transaction that adds.
    """
    now = now or timezone.now()
    done = 0
    while done < SLICES and _add_slice(now, now - settled):
        done += 1
    return done


def forget(now: datetime | None = None) -> None:
    """Drop hours that are older than the tracking log itself; the platform's go into one row, so that sums only grow.

    /metrics shows the sum of all rows as a counter, and one that falls looks like a restart.
    """
    old = (now or timezone.now()) - KEPT
    Traffic.objects.filter(hour__lt=old).delete()
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"old": old, "before": FORGOTTEN})


def _add_slice(now: datetime, until: datetime) -> bool:
    with transaction.atomic():
        RollUp.objects.bulk_create([RollUp(name=NAME)], ignore_conflicts=True)
        row = RollUp.objects.select_for_update(skip_locked=True).filter(name=NAME).first()
        if row is None:
            return False
        last = first_uuid7_of(until)
        after = row.mark or first_uuid7_of(now - KEPT)
        first = _first_after(after)
        if first is None or first > last:
            return False
        end = min(last, first_uuid7_of(_time_of(first) + SLICE))
        with connection.cursor() as cursor:
            cursor.execute(_ADD, {"after": after, "until": end})
        row.mark, row.at = end, now
        row.save(update_fields=["mark", "at"])
        return True


def _first_after(mark: UUID) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [mark])
        found = cursor.fetchone()
    return found[0] if found else None


def _time_of(identifier: UUID) -> datetime:
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)
