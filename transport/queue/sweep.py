"""The sweep: finds all due work within 10 s, whatever hints got lost (invariant 2). Runs without a broker, too."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import close_old_connections
from psycopg import AsyncConnection

from tenants.models import Tenant
from tenants.wakeups import wake
from transport.queue.database import connect_flow, is_away
from transport.queue.due import has_due_work
from transport.queue.expiry import expire, tell_of_delays
from transport.queue.holds import release_held
from transport.queue.leases import take_back_expired
from transport.queue.reconfigure import (
    adopt_orphans,
    connectorless_queues,
    outdated_tenants,
    reroute_marked,
    reroute_tenant,
    reroute_whole_queue,
)
from transport.usage.letters import tell_of_limits
from transport.usage.tally import roll_up, tally

logger = logging.getLogger(__name__)

DELIVER_TASK: Final = "transport.deliver"
TIME: Final = 5.0  # seconds for each step; what is left waits for the next sweep

REMEMBERED: Final = 10_000  # tenants

_routed_by: dict[UUID, int] = {}  # the version of each tenant's configuration that this process has seen through

Step = Callable[[AsyncConnection[Any]], Awaitable[int]]


def sweep_once() -> bool:
    """Sweep, and wake the workers where there is work for them. Return whether there is."""
    due = asyncio.run(_sweep())
    _tell_of_limits()
    return due


def reroute_once(tenant_id: UUID) -> int:
    """Route again what a tenant's change may have moved, and wake the workers for it.

    A thousand changes in a row give a thousand hints: those that find the version which the last one routed by are
    done. What comes in later by an older version, the sweep sees to.
    """
    close_old_connections()
    version = Tenant.objects.filter(pk=tenant_id).values_list("config_version", flat=True).first()
    if version is None or _routed_by.get(tenant_id) == version:
        return 0
    looked_at = asyncio.run(_reroute(tenant_id, reroute_tenant))
    if len(_routed_by) >= REMEMBERED:
        _routed_by.clear()
    _routed_by[tenant_id] = version
    return looked_at


def route_again_once(tenant_id: UUID) -> int:
    """Route again what somebody asked to have routed again, whatever version routed it last."""
    return asyncio.run(_reroute(tenant_id, reroute_marked))


def release_once() -> int:
    """Release what nothing holds any more, and wake the workers for it."""
    return asyncio.run(_release())


async def _sweep() -> bool:
    async with await connect_flow("postroom sweep") as connection:
        for step in (take_back_expired, release_held, expire, tell_of_delays):
            await _repeat(connection, step)
        for once in (_reroute_outdated, adopt_orphans, roll_up, tally):
            await _once(connection, once)
        due = await has_due_work(connection)
    if due:
        wake(DELIVER_TASK)
    return due


async def _release() -> int:
    async with await connect_flow("postroom release") as connection:
        released = 0
        while batch := await release_held(connection):
            released += batch
        await _reroute_outdated(connection)
        if await has_due_work(connection):
            wake(DELIVER_TASK)
    return released


def _tell_of_limits() -> None:
    """Write the letters that the tally found due; the next sweep tries again."""
    close_old_connections()
    try:
        tell_of_limits()
    except Exception:
        logger.exception("The letters about limits could not be written; the next sweep tries again.")
    finally:
        close_old_connections()


async def _reroute(tenant_id: UUID, step: Callable[[AsyncConnection[Any], UUID], Awaitable[int]]) -> int:
    async with await connect_flow("postroom reroute") as connection:
        looked_at = await step(connection, tenant_id)
        if await has_due_work(connection):
            wake(DELIVER_TASK)
    return looked_at


async def _reroute_outdated(connection: AsyncConnection[Any]) -> int:
    looked_at = 0
    for tenant_id in await outdated_tenants(connection):
        looked_at += await reroute_tenant(connection, tenant_id)
    for queue_id in await connectorless_queues(connection):
        looked_at += await reroute_whole_queue(connection, queue_id)
    return looked_at


async def _repeat(connection: AsyncConnection[Any], step: Step) -> None:
    """Do a step until it finds nothing more, or for its time."""
    deadline = time.monotonic() + TIME
    while await _once(connection, step) and time.monotonic() < deadline:
        pass


async def _once(connection: AsyncConnection[Any], step: Step) -> int:
    """Do a step; its failure must not keep the others from being done."""
    try:
        return await step(connection)
    except Exception as error:
        # To be a deadlock's victim is an OperationalError, too, and no reason to leave all else undone.
        if connection.closed or (isinstance(error, psycopg.Error) and is_away(error)):
            raise
        logger.exception("The sweep's step %s failed; the next sweep tries again.", getattr(step, "__name__", step))
        return 0
