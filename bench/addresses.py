"""`python -m bench.addresses URL FACTOR`: time look-ups, make more addresses, time again; prints JSON.

A program of its own, because Django's settings are read once: after the platform has made its database.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from typing import Any
from uuid import UUID

import django
import psycopg

django.setup()

from bench.tenant import DOMAIN, SLUG  # noqa: E402 - models exist only after the set-up
from transport.queue.configuration import queries_for  # noqa: E402
from transport.routing.snapshot import Need  # noqa: E402

SMALL, LARGE = 1_000, 1_000_000
ASKED = 2_000
# A mailbox with its address is like `inbox`, which bench/tenant.py made.
_MORE = """
WITH model AS (
  SELECT m, e FROM tenants_mailbox m JOIN tenants_emailaddress e ON e.mailbox_id = m.id
  WHERE e.local_part = 'inbox' AND e.domain = %(domain)s
), made AS (
  SELECT n, gen_random_uuid() AS id, 'more-' || n AS name FROM generate_series(1, %(number)s) n
), mailboxes AS (
  INSERT INTO tenants_mailbox SELECT (jsonb_populate_record(m, jsonb_build_object(
    'id', made.id, 'display_name', made.name))).* FROM model, made
)
INSERT INTO tenants_emailaddress SELECT (jsonb_populate_record(e, jsonb_build_object(
  'id', gen_random_uuid(), 'mailbox_id', made.id, 'local_part', made.name, 'local_key', made.name))).* FROM model, made
"""


def main(url: str, factor: float) -> None:
    large = max(SMALL, round(LARGE * factor))
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT id FROM tenants_tenant WHERE slug = %s", [SLUG]).fetchone()
        assert row is not None
        figures = {SMALL: look_up(connection, row[0], [f"other-{number}" for number in range(SMALL)])}
        fill(connection, large)
        figures[large] = look_up(connection, row[0], [f"more-{number}" for number in range(1, large)])
    print(json.dumps(figures))


def fill(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute(_MORE, {"domain": DOMAIN, "number": number})
    for table in ("tenants_mailbox", "tenants_emailaddress"):
        connection.execute(f"VACUUM ANALYZE {table}")


def look_up(connection: psycopg.Connection[Any], tenant: UUID, names: list[str]) -> float:
    """Return the median of microseconds that asking for one address takes, as the mail flow's role."""
    connection.execute("SET ROLE postroom_flow")
    took = []
    for name in random.choices(names, k=ASKED):
        [query] = queries_for(Need(addresses=frozenset([(tenant, f"{name}@{DOMAIN}")])))
        started = time.perf_counter()
        found = connection.execute(query.sql.encode(), query.parameters, prepare=True).fetchall()
        took.append((time.perf_counter() - started) * 1_000_000)
        assert len(found) == 1, f"{name} was not found"
    connection.execute("RESET ROLE")
    return statistics.median(took)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
