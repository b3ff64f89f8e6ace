"""The figures of all queues: counted together every few seconds, so that no page counts a million deliveries.

One statement counts everything; how often it runs follows what it costs (see `is_due`).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from tenants.limits import JOIN_PLAN
from transport.models import RollUp

NAME: Final = "queues"
# At most this share of a core goes into counting; and a page that looks may count anew where it is cheap.
SHARE: Final = 20
SHORTEST: Final = timedelta(seconds=5)
CHEAP: Final = 100  # milliseconds

# Of a queue with errors of its messages, the newest reason stands for it: it is found by the text of its time.
_COUNT: Final = """
WITH counted AS MATERIALIZED (
  SELECT queue_id, count(*) AS deliveries, count(DISTINCT message_id) AS messages,
         count(*) FILTER (WHERE state = 'active') AS active,
         count(*) FILTER (WHERE state = 'ready') AS ready,
         count(*) FILTER (WHERE state = 'retry') AS retry,
         count(*) FILTER (WHERE state IN ('suspended', 'held', 'poison')) AS held,
         count(*) FILTER (WHERE state = 'suspended') AS suspended,
         count(*) FILTER (WHERE state = 'unreachable') AS unreachable,
         count(*) FILTER (WHERE priority > 0) AS low,
         min(created_at) AS oldest_at, min(next_attempt_at) FILTER (WHERE state = 'retry') AS next_attempt_at,
         max(extract(epoch FROM coalesce(last_error_at, created_at))::bigint::text || ' ' || last_error_reason)
           FILTER (WHERE last_error_reason <> '') AS newest
  FROM transport_delivery GROUP BY queue_id
), told AS (
  SELECT q.*, c.deliveries, c.messages, c.active, c.ready, c.retry, c.held, c.suspended AS suspended_deliveries,
         c.unreachable, c.low, c.oldest_at, c.next_attempt_at, q.connecting_until > now() AS connecting,
         split_part(c.newest, ' ', 2) AS newest_reason,
         c.newest IS NOT NULL AND (
           q.delivery_type = 'unreachable' OR q.last_error_at IS NULL
           OR split_part(c.newest, ' ', 1)::bigint > extract(epoch FROM q.last_error_at)::bigint
         ) AS of_delivery
  FROM transport_queue q LEFT JOIN counted c ON c.queue_id = q.id
  WHERE c.deliveries > 0 OR q.suspended
), fresh AS (
  SELECT t.id AS queue_id, t.tenant_id, t.delivery_type, t.next_hop_domain,
         CASE WHEN t.suspended THEN 'suspended'
              WHEN t.active > 0 THEN 'active'
              WHEN t.connecting THEN 'connecting'
              WHEN t.delivery_type = 'unreachable' THEN 'unreachable'
              WHEN t.next_retry_at > now() OR (t.retry > 0 AND t.ready = 0) THEN 'retry'
              WHEN t.suspended_deliveries = t.deliveries THEN 'suspended'
              ELSE 'ready' END AS status,
         t.suspended, coalesce(t.messages, 0) AS messages, coalesce(t.deliveries, 0) AS deliveries,
         coalesce(t.active, 0) AS active, coalesce(t.ready, 0) AS ready, coalesce(t.retry, 0) AS retry,
         coalesce(t.held, 0) AS held, coalesce(t.unreachable, 0) AS unreachable,
         coalesce(t.low, 0) AS low, t.oldest_at,
         CASE WHEN t.next_retry_at > now() THEN t.next_retry_at ELSE t.next_attempt_at END AS next_retry_at,
         CASE WHEN t.of_delivery THEN t.newest_reason ELSE t.last_error_reason END AS reason,
         CASE WHEN t.of_delivery THEN coalesce(d.last_error_endpoint, '') ELSE t.last_error_endpoint END AS endpoint,
         left(CASE WHEN t.of_delivery THEN coalesce(d.last_error_peer_text, '') ELSE t.last_error_peer_text END, 500)
           AS peer_text,
         CASE WHEN t.of_delivery THEN d.last_error_at ELSE t.last_error_at END AS error_at
  FROM told t LEFT JOIN LATERAL (
    SELECT last_error_endpoint, last_error_peer_text, last_error_at FROM (
      SELECT * FROM transport_delivery d WHERE d.tenant_id = t.tenant_id AND d.queue_id = t.id LIMIT 1000
    ) bounded WHERE last_error_reason = t.newest_reason LIMIT 1
  ) d ON t.of_delivery
), gone AS (
  DELETE FROM transport_queuefigures f WHERE NOT EXISTS (SELECT 1 FROM fresh WHERE fresh.queue_id = f.queue_id)
)
INSERT INTO transport_queuefigures AS f ({columns})
SELECT {columns} FROM (SELECT *, CASE WHEN reason <> '' THEN error_at END AS since FROM fresh) told
ON CONFLICT (queue_id) DO UPDATE SET {changes}
WHERE ({old}) IS DISTINCT FROM ({new})
"""
_CHANGING: Final = (
    "status",
    "suspended",
    "messages",
    "deliveries",
    "active",
    "ready",
    "retry",
    "held",
    "unreachable",
    "low",
    "oldest_at",
    "next_retry_at",
    "reason",
    "endpoint",
    "peer_text",
    "error_at",
)
_COLUMNS: Final = ("queue_id", "tenant_id", "delivery_type", "next_hop_domain", *_CHANGING, "since")
# A queue's trouble goes on for as long as its reason stays the same.
_SINCE: Final = """since = CASE WHEN excluded.reason = '' THEN NULL WHEN f.reason = excluded.reason
  THEN coalesce(f.since, excluded.since) ELSE excluded.since END"""
_REFRESH: Final = _COUNT.format(
    columns=", ".join(_COLUMNS),
    changes=", ".join([*(f"{name} = excluded.{name}" for name in _CHANGING), _SINCE]),
    old=", ".join(f"f.{name}" for name in _CHANGING),
    new=", ".join(f"excluded.{name}" for name in _CHANGING),
)


# Who has mail to send now, with what weight, and in how many queues something is ready.
_LOAD: Final = f"""
SELECT count(*), coalesce(sum(weight), 0), coalesce(sum(queues), 0) FROM (
  SELECT coalesce(max(p.weight), 1) AS weight, count(*) FILTER (WHERE f.ready > 0) AS queues
  FROM transport_queuefigures f
  JOIN tenants_tenant t ON t.id = f.tenant_id AND t.status = 'active'
  {JOIN_PLAN}
  WHERE f.ready + f.active > 0 AND NOT f.suspended GROUP BY f.tenant_id
) AS sharing
"""  # noqa: S608 - built from constants


def refresh_if_due() -> bool:
    """Count anew if the figures are older than counting is dear. Return whether it was done."""
    return _refresh(lambda row: is_due(row))


def refresh_if_cheap() -> bool:
    """Count anew for a page that is being looked at, where that takes no time: on most platforms it always does."""
    return _refresh(lambda row: row.at is None or row.milliseconds <= CHEAP)


def is_due(row: RollUp) -> bool:
    pause = max(SHORTEST, timedelta(milliseconds=row.milliseconds) * SHARE)
    return row.at is None or timezone.now() - row.at >= pause


def _refresh(wanted: Any) -> bool:
    with transaction.atomic():
        RollUp.objects.bulk_create([RollUp(name=NAME)], ignore_conflicts=True)
        # Whoever counts at this moment counts for everybody.
        row = RollUp.objects.select_for_update(skip_locked=True).filter(name=NAME).first()
        if row is None or not wanted(row):
            return False
        started = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(_REFRESH)
            cursor.execute(_LOAD)
            row.detail = dict(zip(("tenants", "weights", "queues"), map(int, cursor.fetchone()), strict=True))
        row.milliseconds = round((time.monotonic() - started) * 1000)
        row.at = timezone.now()
        row.save(update_fields=["milliseconds", "at", "detail"])
        return True


def counted_at() -> Any:
    """Return when the figures were counted; None where they never were."""
    return RollUp.objects.filter(name=NAME).values_list("at", flat=True).first()
