"""Counting against PostgreSQL: the daemon's round each second, and the web's own look and note within a request."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import connection as django_connection

from transport.models.usage import TenantLoad
from transport.usage.count import Count, Key, Sum
from transport.usage.meter import Load, Meter
from transport.usage.statements import APPEND, READ, append_parameters, counts_from, read_parameters
from transport.usage.windows import hour_of

_LOADS: Final = """
SELECT l.tenant_id, l.queued, l.storage FROM transport_tenantload l WHERE l.tenant_id = ANY(%s)
"""
_TALLIED: Final = "SELECT at FROM transport_rollup WHERE name = 'tenants'"


async def read_counts(connection: psycopg.AsyncConnection[Any], meter: Meter, keys: Sequence[Key]) -> None:
    """Read counts into the meter."""
    hour = hour_of(meter.clock())
    cursor = await connection.execute(READ, read_parameters(keys, hour), prepare=True)
    meter.learn(counts_from(await cursor.fetchall(), hour))


async def read_loads(connection: psycopg.AsyncConnection[Any], meter: Meter, tenants: Sequence[UUID]) -> None:
    """Read what these tenants hold into the meter."""
    cursor = await connection.execute(_TALLIED)
    row = await cursor.fetchone()
    cursor = await connection.execute(_LOADS, [list(tenants)], prepare=True)
    meter.learn_loads(row[0] if row else None, {one[0]: (one[1], one[2]) for one in await cursor.fetchall()})


async def exchange(connection: psycopg.AsyncConnection[Any], meter: Meter) -> None:
    """Write what this process counted, then read what all have."""
    await write_pending(connection, meter)
    if keys := meter.to_refresh():
        await read_loads(connection, meter, list({key.tenant_id for key in keys}))
        await read_counts(connection, meter, keys)


async def write_pending(connection: psycopg.AsyncConnection[Any], meter: Meter) -> None:
    """Append what was counted since the last time; what cannot be written waits for the next."""
    pending = meter.take_pending()
    if not pending:
        return
    try:
        await connection.execute(APPEND, append_parameters(pending))
    except BaseException:
        meter.give_back(pending)
        raise


def counts_now(keys: Sequence[Key], *, now: float | None = None) -> dict[Key, Count]:
    """Return counts as the database has them, by Django's connection in the caller's scope."""
    hour = hour_of(time.time() if now is None else now)
    # psycopg's own cursor: Django's binds on the client side, and knows no arrays of UUIDs.
    django_connection.ensure_connection()
    with psycopg.Cursor(django_connection.connection) as cursor:
        cursor.execute(READ, read_parameters(keys, hour))
        return counts_from(cursor.fetchall(), hour)


def note_now(sums: Iterable[tuple[Key, Sum]], *, now: float | None = None) -> None:
    """Append to the counts in the caller's transaction, which must be allowed to write them."""
    hour = hour_of(time.time() if now is None else now)
    deltas = {(key, hour): one for key, one in sums}
    if deltas:
        django_connection.ensure_connection()
        with psycopg.Cursor(django_connection.connection) as cursor:
            cursor.execute(APPEND, append_parameters(deltas))


def load_now(tenant_id: UUID) -> Load:
    """Return what a tenant held when it was counted last, in the caller's scope."""
    row = TenantLoad.objects.filter(tenant_id=tenant_id).values_list("queued", "storage").first()
    return Load(*row) if row else Load()
