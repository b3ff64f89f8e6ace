"""Limits that hold over the whole platform, as advisory locks: they end with the connection that holds them.

The keys of pg_try_advisory_lock are shared by everybody, so ours carry a mark of what they count.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from django.db import connection as django_connection
from psycopg import AsyncConnection

PER_HOST: Final = 20  # Exchange's MaxPerDomainOutboundConnections

_DRAINS: Final = 0x5052
_HOSTS: Final = 0x5048

# The scan stops at the first key that is free, so exactly one lock is taken.
_TAKE: Final = """
SELECT k FROM generate_series(%s::bigint, %s::bigint) AS k WHERE pg_try_advisory_lock(k) LIMIT 1
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
    return await _take(connection, _DRAINS << 48, limit)


async def take_host_slot(connection: AsyncConnection[Any], host: str, limit: int) -> int | None:
    """Take one of the connections that the platform may have to one host at a time."""
    return await _take(connection, first_of(host), min(limit, 255))


def places_taken(host: str) -> int:
    """Return how many connections the platform has to a host now, by Django's connection."""
    with django_connection.cursor() as cursor:
        first = first_of(host)
        cursor.execute(_TAKEN, [first >> 32, first & _LOW, (first & _LOW) + 254])
        return int(cursor.fetchone()[0])


def first_of(host: str) -> int:
    """Return the key of a host's first place; the others follow it."""
    digest = int.from_bytes(hashlib.blake2b(host.encode(), digest_size=5).digest(), "big")
    return _HOSTS << 48 | digest << 8


async def give_back(connection: AsyncConnection[Any], slot: int) -> None:
    await connection.execute("SELECT pg_advisory_unlock(%s)", [slot])


async def _take(connection: AsyncConnection[Any], first: int, limit: int) -> int | None:
    cursor = await connection.execute(_TAKE, [first, first + limit - 1])
    row = await cursor.fetchone()
    return row[0] if row else None


class HostPlaces:
    """The platform's connections to hosts: so many to each at a time, over all workers."""

    def __init__(self, connection: AsyncConnection[Any], per_host: int = PER_HOST) -> None:
        self._connection = connection
        self._per_host = per_host

    async def take(self, host: str) -> int | None:
        return await take_host_slot(self._connection, host, self._per_host)

    async def give_back(self, place: int) -> None:
        await give_back(self._connection, place)
