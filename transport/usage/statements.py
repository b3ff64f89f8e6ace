"""The statements of counting: append deltas, read what runs, roll up. Accepting mail waits for none of them.

A subject's numbers are its sums in `transport_usage` and the deltas that were not rolled up yet. Both are read in one
statement, and the roll-up moves them in one, so that nobody sees a number twice or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from transport.usage.count import Count, Key, Sum
from transport.usage.windows import day_of_hour, day_start, hour_start

Deltas = Mapping[tuple[Key, int], Sum]

APPEND: Final = """
INSERT INTO transport_usagedelta (tenant_id, subject_id, direction, hour, messages, recipients, size, refused)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[],
  %s::bigint[])
"""
READ: Final = """
SELECT w.tenant_id, w.subject_id, w.direction,
  coalesce(sum(n.messages) FILTER (WHERE n.hourly), 0)::bigint,
  coalesce(sum(n.recipients) FILTER (WHERE n.hourly), 0)::bigint,
  coalesce(sum(n.messages) FILTER (WHERE NOT n.hourly), 0)::bigint,
  coalesce(sum(n.recipients) FILTER (WHERE NOT n.hourly), 0)::bigint
FROM unnest(%(tenants)s::uuid[], %(subjects)s::uuid[], %(directions)s::text[]) AS w (tenant_id, subject_id, direction)
LEFT JOIN LATERAL (
  SELECT true AS hourly, u.messages, u.recipients FROM transport_usage u
  WHERE u.tenant_id = w.tenant_id AND u.direction = w.direction AND u.period = 'hour' AND u.start = %(hour)s
    AND u.subject_id = w.subject_id
  UNION ALL
  SELECT false, u.messages, u.recipients FROM transport_usage u
  WHERE u.tenant_id = w.tenant_id AND u.direction = w.direction AND u.period = 'day' AND u.start = %(day)s
    AND u.subject_id = w.subject_id
  UNION ALL
  SELECT kind.hourly, d.messages, d.recipients FROM transport_usagedelta d
  CROSS JOIN (VALUES (true), (false)) AS kind (hourly)
  WHERE d.tenant_id = w.tenant_id AND d.subject_id = w.subject_id AND d.direction = w.direction
    AND d.hour >= CASE WHEN kind.hourly THEN %(hour)s ELSE %(day)s END AND d.hour <= %(hour)s
) AS n ON true
GROUP BY 1, 2, 3
"""
# Two at once do no harm: the rows that one removes the other waits for, and finds gone.
ROLL_UP: Final = """
WITH moved AS (
  DELETE FROM transport_usagedelta WHERE id IN (SELECT id FROM transport_usagedelta ORDER BY id LIMIT %s)
  RETURNING tenant_id, subject_id, direction, hour, messages, recipients, size, refused
), stored AS (
  INSERT INTO transport_usage AS u
    (tenant_id, subject_id, direction, period, start, messages, recipients, size, refused)
  SELECT tenant_id, subject_id, direction, period,
    CASE period WHEN 'hour' THEN hour ELSE date_trunc('day', hour, 'UTC') END AS start,
    sum(messages), sum(recipients), sum(size), sum(refused)
  FROM moved CROSS JOIN (VALUES ('hour'), ('day')) AS p (period)
  GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 3, 4, 5, 2
  ON CONFLICT (tenant_id, direction, period, start, subject_id) DO UPDATE SET
    messages = u.messages + excluded.messages, recipients = u.recipients + excluded.recipients,
    size = u.size + excluded.size, refused = u.refused + excluded.refused
)
SELECT count(*) FROM moved
"""


def append_parameters(deltas: Deltas) -> list[list[Any]]:
    """Return the parameters of APPEND, a list for each column."""
    rows = [
        (
            key.tenant_id,
            key.subject_id,
            key.direction,
            hour_start(hour),
            one.messages,
            one.recipients,
            one.size,
            one.refused,
        )
        for (key, hour), one in deltas.items()
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def read_parameters(keys: Sequence[Key], hour: int) -> dict[str, Any]:
    """Return the parameters of READ for what counts in this hour."""
    return {
        "tenants": [key.tenant_id for key in keys],
        "subjects": [key.subject_id for key in keys],
        "directions": [key.direction for key in keys],
        "hour": hour_start(hour),
        "day": day_start(day_of_hour(hour)),
    }


def counts_from(rows: Iterable[Sequence[Any]], hour: int) -> dict[Key, Count]:
    """Return the counts that READ's rows hold."""
    return {Key.of_mailbox(row[0], row[1], row[2]): Count(hour, *row[3:7]) for row in rows}
