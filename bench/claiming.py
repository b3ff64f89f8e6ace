"""`python -m bench.claiming URL FACTOR`: time picking and claiming, queue a million, time again; prints JSON.

A program of its own, because Django's settings are read once: after the platform has made its database.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from typing import Any
from uuid import UUID, uuid4

import django
import psycopg

django.setup()

from transport.queue.claim import claim  # noqa: E402 - models exist only after the set-up
from transport.queue.due import has_due_work, pick_queues  # noqa: E402

SMALL, LARGE = 1_000, 1_000_000
QUEUES = 500
ASKED = 200
BATCH = 50
# Like the one message that waits: so many more of it, in queues of their own.
_MORE_QUEUES = """
INSERT INTO transport_queue SELECT (jsonb_populate_record(q, jsonb_build_object(
  'id', gen_random_uuid(), 'next_hop_domain', 'hop' || n || '.example', 'suspended', false))).*
FROM transport_queue q, generate_series(1, %(queues)s) n WHERE q.suspended
"""
_THERE = """
SELECT d.message_id, (SELECT count(*) FROM transport_delivery)
FROM transport_delivery d JOIN transport_queue q ON q.id = d.queue_id WHERE q.suspended
"""
_MORE = """
WITH places AS (
  SELECT id, row_number() OVER (ORDER BY next_hop_domain) - 1 AS place FROM transport_queue
  WHERE next_hop_domain LIKE 'hop%%.example'
), made AS (
  SELECT gen_random_uuid() AS message, gen_random_uuid() AS delivery, places.id AS queue
  FROM generate_series(1, %(number)s) n JOIN places ON places.place = n %% %(queues)s
), messages AS (
  INSERT INTO transport_message SELECT (jsonb_populate_record(m, jsonb_build_object('id', made.message))).*
  FROM transport_message m, made WHERE m.id = %(model)s
)
INSERT INTO transport_delivery SELECT (jsonb_populate_record(d, jsonb_build_object(
  'id', made.delivery, 'message_id', made.message, 'queue_id', made.queue))).*
FROM transport_delivery d, made WHERE d.message_id = %(model)s
"""


async def main(url: str, factor: float) -> None:
    large = max(SMALL, round(LARGE * factor))
    figures = {}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for number in (SMALL, large):
            queue = await fill(connection, number)
            figures[number] = await _measure(connection, queue)
    print(json.dumps(figures))


async def fill(connection: psycopg.AsyncConnection[Any], number: int) -> UUID:
    """Have so many deliveries wait; return one of the queues."""
    cursor = await connection.execute(_THERE)
    model, there = await cursor.fetchone() or (None, 0)
    if there < SMALL:
        await connection.execute(_MORE_QUEUES, {"queues": QUEUES})
    await connection.execute(_MORE, {"queues": QUEUES, "number": number - there, "model": model})
    for table in ("transport_queue", "transport_message", "transport_delivery"):
        await connection.execute(f"VACUUM ANALYZE {table}")
    cursor = await connection.execute("SELECT id FROM transport_queue WHERE next_hop_domain = 'hop7.example'")
    [queue] = await cursor.fetchone() or [None]
    assert isinstance(queue, UUID)
    return queue


async def _measure(connection: psycopg.AsyncConnection[Any], queue: UUID) -> dict[str, float]:
    await connection.execute("SET ROLE postroom_flow")
    took: dict[str, list[float]] = {}

    async def timed(what: str, statement: Any) -> None:
        started = time.perf_counter()
        await statement
        took.setdefault(what, []).append((time.perf_counter() - started) * 1_000_000)

    for _ in range(ASKED):
        async with connection.transaction(force_rollback=True):
            await timed("look for due queues", pick_queues(connection, limit=20, share=10))
            await timed("ask whether there is work", has_due_work(connection))
            await timed(f"claim {BATCH}", claim(connection, queue, BATCH, uuid4()))
    await connection.execute("RESET ROLE")
    return {what: statistics.median(figures) for what, figures in took.items()}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
