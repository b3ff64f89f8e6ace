"""Limits that hold over the whole platform, as advisory locks: they end with the connection that holds them.

The keys of pg_try_advisory_lock are shared by everybody, so ours carry a mark of what they count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final

from django.db import connection as django_connection
from psycopg import AsyncConnection

PER_HOST: Final = 20  # Exchange's MaxPerDomainOutboundConnections

_DRAINS: Final = 0x5052
_HOSTS: Final = 0x5048
_CONNECTORS: Final = 0x5043

# The scan stops at the first key that is free, so exactly one lock is taken. A session may take a lock again that it
# holds, so what this one holds is left out first.
_TAKE: Final = """
WITH others AS MATERIALIZED (
  SELECT k FROM generate_series(%s::bigint, %s::bigint) AS k WHERE k <> ALL(%s::bigint[])
)
SELECT k FROM others WHERE pg_try_advisory_lock(k) LIMIT 1
"""
# How pg_locks shows a lock by one bigint: its halves in two columns.
_LOW: Final = 0xFFFF_FFFF
_TAKEN: Final = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint = %s AND objid::bigint BETWEEN %s AND %s
"""


async def take_drain_slot(connection: AsyncConnection[Any], limit: int) -> int | None:
    """Take one of the places for drains, or return None where all are taken."""
    return await take_free(connection, _DRAINS << 48, limit)


def places_taken(endpoint: str, connector: str = "") -> int:
    """Return how many connections the platform, or a connector, has to `address:port` now, by Django's connection."""
    first = first_of_connector(connector, endpoint) if connector else first_of(endpoint)
    with django_connection.cursor() as cursor:
        cursor.execute(_TAKEN, [first >> 32, first & _LOW, (first & _LOW) + 254])
        return int(cursor.fetchone()[0])


def first_of(endpoint: str) -> int:
    """Return the key of an endpoint's first place; the others follow it."""
    return _HOSTS << 48 | _digest(endpoint)


def first_of_connector(connector: str, endpoint: str) -> int:
    """Return the key of the first place that a connector has at an endpoint; the others follow it."""
    return _CONNECTORS << 48 | _digest(f"{connector} {endpoint}")


async def give_back(connection: AsyncConnection[Any], slot: int) -> None:
    await connection.execute("SELECT pg_advisory_unlock(%s)", [slot])


async def take_free(connection: AsyncConnection[Any], first: int, limit: int, held: Collection[int] = ()) -> int | None:
    """Take the first of `limit` keys that is free; `held` are those that this session has."""
    cursor = await connection.execute(_TAKE, [first, first + limit - 1, list(held)])
    row = await cursor.fetchone()
    return row[0] if row else None


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=5).digest(), "big") << 8
