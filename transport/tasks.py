"""What workers do when they are woken. Each task is safe to run twice, and losing one costs a sweep's delay."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from typing import Any, Final
from uuid import UUID

import psycopg
from celery import shared_task, signals
from django.db import connection

from tenants.guards import NotGuarded, refuse_unguarded
from tenants.scoped_task import CrossingTask
from tenants.wakeups import RELEASE_TASK, wake
from transport.actions import bulk_of_tenant
from transport.actions.bulk import TASK as BULK_TASK
from transport.actions.bulk import abandoned_operations, work
from transport.purge import TASK as PURGE_TASK
from transport.purge import is_due, purge_due
from transport.queue.database import is_away
from transport.queue.drain import drain
from transport.queue.figures import refresh_if_due
from transport.queue.heartbeat import beat, keep_beating
from transport.queue.housekeeping import housekeep
from transport.queue.steering import ROUTE_AGAIN
from transport.queue.sweep import DELIVER_TASK, release_once, reroute_once, route_again_once, sweep_once
from transport.tracking.traffic import forget, sum_up

logger = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 10.0
# Set in the parent when it is told to stop; its children see it, and end after the messages that they are at.
_stopping = multiprocessing.get_context("fork").Event()


@shared_task(name=DELIVER_TASK)
def deliver() -> None:
    """Deliver what is due for some seconds, then go to the back of the line."""
    try:
        has_more = asyncio.run(drain(DRAIN_SECONDS, stop=_stopping.is_set))
    except psycopg.Error as error:
        if not is_away(error):
            raise
        logger.warning("The database is away; the sweep goes on when it is back: %s", error)
        return
    if has_more:
        wake(DELIVER_TASK)


@shared_task(name="transport.sweep")
def sweep() -> None:
    """Find what fell due, expired or got stuck. Beat starts it every 10 s, so it is beat's sign of life, too."""
    beat("beat")
    sweep_once()


@shared_task(name="transport.reroute", base=CrossingTask)
def reroute(tenant_id: str) -> None:
    """Route again what a tenant's change of configuration may have moved."""
    reroute_once(UUID(tenant_id))


@shared_task(name=ROUTE_AGAIN, base=CrossingTask)
def route_again(tenant_id: str) -> None:
    """Route again what an administrator asked to have routed again."""
    route_again_once(UUID(tenant_id))


@shared_task(name=RELEASE_TASK)
def release_held() -> None:
    """Release what a suspension held that is over."""
    release_once()


@shared_task(name=PURGE_TASK)
def purge_tenants() -> None:
    """Delete organisations whose day has come, for some seconds, then go to the back of the line."""
    if purge_due():
        wake(PURGE_TASK)


@shared_task(name="transport.housekeeping")
def housekeeping() -> None:
    housekeep()
    if is_due():
        wake(PURGE_TASK)
    sum_up()
    forget()
    for operation_id in abandoned_operations():
        wake(BULK_TASK, str(operation_id))
    for operation_id in bulk_of_tenant.abandoned_operations():
        wake(bulk_of_tenant.TASK, str(operation_id))


@shared_task(name="transport.figures")
def figures() -> None:
    """Count what is in the queues, for the pages that show all of them."""
    refresh_if_due()


@shared_task(name=BULK_TASK)
def bulk(operation_id: str) -> None:
    """Go on with what an operator does to many queues, for some seconds, then go to the back of the line."""
    if work(UUID(operation_id)):
        wake(BULK_TASK, operation_id)


@shared_task(name=bulk_of_tenant.TASK)
def bulk_for_tenant(operation_id: str) -> None:
    """Go on with what a tenant's people do to much at once, for some seconds, then go to the back of the line."""
    if bulk_of_tenant.work(UUID(operation_id)):
        wake(bulk_of_tenant.TASK, operation_id)


@signals.worker_init.connect
def look_at_guards(**_: Any) -> None:
    """Do not begin to work on a database that does not keep tenants apart."""
    try:
        refuse_unguarded()
    except NotGuarded as error:
        raise SystemExit(f"postroom: {error}") from None  # what is no exit, Celery logs and goes on
    if not connection.in_atomic_block:
        connection.close()  # before the pool is forked


@signals.worker_ready.connect
def show_life(sender: Any = None, **_: Any) -> None:
    """Tell `/readyz` of workers that deliver; the one that only sweeps is another kind."""
    queues = sender.app.amqp.queues.consume_from if sender is not None else {}
    keep_beating("worker" if "deliver" in queues else "sweeper")


@signals.worker_shutting_down.connect
def stop_draining(**_: Any) -> None:
    _stopping.set()
