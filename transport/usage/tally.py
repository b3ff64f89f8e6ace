"""The tally: every few seconds the sweep rolls deltas up, counts what tenants hold, and marks who nears a limit.

It may take a twentieth of one core's time at most: what took long is counted more rarely. Several may try at once, one
does it.
"""

from __future__ import annotations

import time
from typing import Any, Final

from psycopg import AsyncConnection

from tenants.limits import COLUMNS, JOIN_PLAN, NAMES
from transport.models import DeliveryType
from transport.usage.meters import CALM, GAUGES, NEAR, OVER
from transport.usage.statements import ROLL_UP

BATCH: Final = 20_000
EVERY: Final = 8.0
THRIFT: Final = 20
MAX_SHARE: Final = 1_000_000

_CLAIM: Final = """
INSERT INTO transport_rollup AS t (name, at, milliseconds) VALUES ('tenants', now(), 0)
ON CONFLICT (name) DO UPDATE SET at = now()
WHERE t.at <= now() - make_interval(secs => greatest(%s::float, t.milliseconds * %s / 1000.0))
RETURNING at
"""
_TOOK: Final = "UPDATE transport_rollup SET milliseconds = %s WHERE name = 'tenants'"
# A queue's deliveries are counted in an index. What goes into mailboxes here does not wait to leave.
_COUNT: Final = f"""
INSERT INTO transport_tenantload AS l (tenant_id, queued, storage, mailboxes, domains, nearest, share)
SELECT t.id, coalesce(q.count, 0), coalesce(m.bytes, 0), coalesce(m.count, 0), coalesce(d.count, 0), '', 0
FROM tenants_tenant t
LEFT JOIN (
  SELECT q.tenant_id, sum(n.count) AS count
  FROM (SELECT tenant_id, queue_id, count(*) AS count FROM transport_delivery GROUP BY 1, 2) AS n
  JOIN transport_queue q ON q.id = n.queue_id AND q.delivery_type <> '{DeliveryType.MAILBOX.value}'
  GROUP BY 1
) AS q ON q.tenant_id = t.id
LEFT JOIN (
  SELECT tenant_id, sum(used_bytes) AS bytes, count(*) AS count FROM tenants_mailbox GROUP BY 1
) AS m ON m.tenant_id = t.id
LEFT JOIN (SELECT tenant_id, count(*) AS count FROM tenants_accepteddomain GROUP BY 1) AS d ON d.tenant_id = t.id
ORDER BY t.id
ON CONFLICT (tenant_id) DO UPDATE SET queued = excluded.queued, storage = excluded.storage,
  mailboxes = excluded.mailboxes, domains = excluded.domains
WHERE (l.queued, l.storage, l.mailboxes, l.domains)
  IS DISTINCT FROM (excluded.queued, excluded.storage, excluded.mailboxes, excluded.domains)
"""  # noqa: S608 - built from constants
_LIMITS: Final = ", ".join(f"{column} AS {name}" for column, name in zip(COLUMNS, NAMES, strict=True))
_GAUGES: Final = ", ".join(f"('{one.limit_name}', ({one.used})::bigint, e.{one.limit_name}::bigint)" for one in GAUGES)


def _usage(alias: str, direction: str, period: str) -> str:
    start = f"date_trunc('{period}', %(now)s::timestamptz, 'UTC')"
    return (
        f"LEFT JOIN transport_usage {alias} ON {alias}.tenant_id = e.id AND {alias}.subject_id = e.id "
        f"AND {alias}.direction = '{direction}' AND {alias}.period = '{period}' AND {alias}.start = {start}"
    )


_MARK: Final = f"""
WITH effective AS (
  SELECT t.id, {_LIMITS} FROM tenants_tenant t {JOIN_PLAN} WHERE NOT t.is_platform
), used AS MATERIALIZED (
  SELECT e.id AS tenant_id, v.limit_name, v.used, v.allowed,
    CASE WHEN v.allowed > 0 THEN least(v.used * 100 / v.allowed, {MAX_SHARE})
         WHEN v.used > 0 THEN {OVER} ELSE 0 END AS share
  FROM effective e JOIN transport_tenantload l ON l.tenant_id = e.id
  {_usage("sh", "sent", "hour")}
  {_usage("sd", "sent", "day")}
  {_usage("rh", "received", "hour")}
  {_usage("rd", "received", "day")}
  CROSS JOIN LATERAL (VALUES {_GAUGES}) AS v (limit_name, used, allowed)
), nearest AS (
  UPDATE transport_tenantload l SET nearest = n.limit_name, share = n.share
  FROM (SELECT DISTINCT ON (tenant_id) * FROM used ORDER BY tenant_id, share DESC, limit_name) AS n
  WHERE n.tenant_id = l.tenant_id AND (l.nearest, l.share) IS DISTINCT FROM (n.limit_name, n.share)
), ended AS (
  UPDATE transport_limitnotice o SET ended_at = %(now)s FROM used u
  WHERE o.ended_at IS NULL AND u.tenant_id = o.tenant_id AND u.limit_name = o.limit_name AND u.share < {CALM}
)
INSERT INTO transport_limitnotice AS o (id, tenant_id, limit_name, level, used, allowed, began_at)
SELECT gen_random_uuid(), tenant_id, limit_name, CASE WHEN share >= {OVER} THEN 'reached' ELSE 'near' END, used,
  allowed, %(now)s
FROM used WHERE share >= {NEAR} ORDER BY tenant_id, limit_name
ON CONFLICT (tenant_id, limit_name) WHERE ended_at IS NULL DO UPDATE SET
  level = excluded.level, used = excluded.used, allowed = excluded.allowed,
  letter = CASE WHEN excluded.level = 'reached' AND o.level = 'near' THEN 'due' ELSE o.letter END
WHERE (o.level, o.used, o.allowed) IS DISTINCT FROM (excluded.level, excluded.used, excluded.allowed)
"""  # noqa: S608 - built from constants


async def roll_up(connection: AsyncConnection[Any]) -> int:
    """Move deltas into the sums; return how many there were."""
    cursor = await connection.execute(ROLL_UP, [BATCH])
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def tally(connection: AsyncConnection[Any], *, every: float = EVERY, now: Any = None) -> int:
    """Count what every tenant holds, and hold it against its limits, if it is time to; return whether it was done."""
    cursor = await connection.execute(_CLAIM, [every, THRIFT if every else 0])
    claimed = await cursor.fetchone()
    if claimed is None:
        return 0
    began = time.monotonic()
    await connection.execute(_COUNT)
    await connection.execute(_MARK, {"now": now or claimed[0]})
    await connection.execute(_TOOK, [round((time.monotonic() - began) * 1000)])
    return 1
