"""Hints over the broker: a task's name and ids at most. Losing one costs a sweep's delay, never mail."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from celery import current_app
from django.db import connection, transaction
from django.db.models import F

from tenants.models import Tenant

logger = logging.getLogger(__name__)

RELEASE_TASK = "transport.release_held"


def wake(task: str, *arguments: str) -> None:
    """Send a hint now. The broker may be down: the sweep finds the work within 10 s."""
    try:
        current_app.send_task(task, args=arguments, retry=False, expires=60)
    except Exception:  # the broker's client raises whatever its driver raises; a hint may get lost
        logger.warning("The broker took no hint for %s; the sweep will do.", task, exc_info=True)


@dataclass(frozen=True, slots=True)
class _Hint:
    task: str
    arguments: tuple[str, ...]

    def __call__(self) -> None:
        wake(self.task, *self.arguments)


def wake_on_commit(task: str, *arguments: str) -> None:
    """Send a hint once the transaction is committed; one does for a transaction of a hundred changes."""
    hint = _Hint(task, arguments)
    savepoints = set(connection.savepoint_ids)
    # One that was registered in a savepoint of its own may be rolled back without us.
    if not any(entry[1] == hint and entry[0] <= savepoints for entry in connection.run_on_commit):
        transaction.on_commit(hint, robust=True)


def hold(tenant: Tenant) -> None:
    """Let one change of what is counted happen at a time: two at once would both find room for one more."""
    list(Tenant.objects.select_for_update(no_key=True).filter(pk=tenant.pk).values_list("pk"))


def configuration_changed(tenant_id: UUID) -> None:
    """Raise the tenant's configuration version inside the changing transaction (design §12.6).

    Listeners drop their caches on the notification; what waited as unreachable is routed again at once.
    """
    Tenant.objects.filter(pk=tenant_id).update(config_version=F("config_version") + 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('postroom_config', %s)", [str(tenant_id)])
    wake_on_commit("transport.reroute", str(tenant_id))


def cached_facts_changed(tenant_id: UUID) -> None:
    """Tell the listeners to read a tenant afresh, where nothing that waits is to be routed again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('postroom_config', %s)", [str(tenant_id)])


def platform_changed() -> None:
    """Tell the listeners that something of the operator's changed: receive connectors."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('postroom_config', 'platform')")
