"""Limits that hold over the whole platform, as advisory locks: they end with the connection that holds them.

The keys of pg_try_advisory_lock are shared by everybody, so ours carry a mark of what they count.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterable
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
    return await _take(connection, _DRAINS << 48, limit)


def places_taken(host: str) -> int:
    """Return how many connections the platform has to a host now, by Django's connection."""
    with django_connection.cursor() as cursor:
        first = first_of(host)
        cursor.execute(_TAKEN, [first >> 32, first & _LOW, (first & _LOW) + 254])
        return int(cursor.fetchone()[0])


def first_of(host: str) -> int:
    """Return the key of a host's first place; the others follow it."""
    return _HOSTS << 48 | _digest(host)


async def give_back(connection: AsyncConnection[Any], slot: int) -> None:
    await connection.execute("SELECT pg_advisory_unlock(%s)", [slot])


async def _take(connection: AsyncConnection[Any], first: int, limit: int, held: Collection[int] = ()) -> int | None:
    cursor = await connection.execute(_TAKE, [first, first + limit - 1, list(held)])
    row = await cursor.fetchone()
    return row[0] if row else None


class HostPlaces:
    """The connections to hosts, so many to each at a time over all workers: the platform's, and each connector's."""

    def __init__(self, connection: AsyncConnection[Any], per_host: int = PER_HOST) -> None:
        self._connection = connection
        self._per_host = per_host
        self._held: set[int] = set()
        self._turn = asyncio.Lock()

    async def take(self, host: str, *, connector: str = "", limit: int = PER_HOST) -> tuple[int, ...] | None:
        """Take a place at a host, also one of its connector's where that has fewer; None where there is none."""
        own = [(_CONNECTORS << 48 | _digest(f"{connector} {host}"), limit)] if limit < self._per_host else []
        places: list[int] = []
        async with self._turn:
            for first, most in [*own, (first_of(host), self._per_host)]:
                place = await _take(self._connection, first, min(most, 255), self._held)
                if place is None:
                    await self._release(places)
                    return None
                self._held.add(place)
                places.append(place)
        return tuple(places)

    async def give_back(self, places: Iterable[int]) -> None:
        async with self._turn:
            await self._release(places)

    async def _release(self, places: Iterable[int]) -> None:
        for place in places:
            await give_back(self._connection, place)
            self._held.discard(place)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=5).digest(), "big") << 8
