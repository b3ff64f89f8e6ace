"""Removing an organisation whose deletion has begun, to its last row: in short transactions, batch by batch.

Whoever is killed in the middle leaves a state that the next one goes on from: each batch looks for what is still
there. How much was removed is counted on the tenant's row, in the transactions that remove it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from graphlib import TopologicalSorter
from typing import Final
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from tenants.access import belongs_elsewhere
from tenants.actions.deletion import begin_deletion, finish_deletion
from tenants.models import AcceptedDomain, AuditEvent, Mailbox, Membership, Tenant, User

logger = logging.getLogger(__name__)

BATCH: Final = 2_000
SECONDS: Final = 20.0  # one run; what is left is for the next
TASK: Final = "transport.purge_tenants"


def purge_due(seconds: float = SECONDS) -> bool:
    """Begin what is due and go on with what has begun, for some seconds. Return whether there is more to do now."""
    deadline = time.monotonic() + seconds
    now = timezone.now()
    for tenant in Tenant.objects.filter(deletion_due_at__lte=now, deletion_started_at__isnull=True):
        begin_deletion(tenant=tenant)
    for tenant in Tenant.objects.filter(deletion_started_at__isnull=False).order_by("deletion_started_at"):
        if not _purge(tenant, deadline):
            return True
    return False


def is_due() -> bool:
    """Tell whether the day of any organisation has come."""
    return Tenant.objects.filter(deletion_due_at__lte=timezone.now()).exists()


def _purge(tenant: Tenant, deadline: float) -> bool:
    """Remove an organisation; return False where the time was up before that."""
    removed = 0
    for table in tables_in_order():
        while count := remove_rows(tenant.pk, table, BATCH):
            removed += count
            if time.monotonic() > deadline:
                return False
    # Daemons and workers may have been at something when it began: what they still wrote goes in a last round.
    grace = timedelta(seconds=settings.POSTROOM_DELETION_GRACE)
    if tenant.deletion_started_at and timezone.now() - tenant.deletion_started_at < grace:
        return True
    with transaction.atomic():
        finish_deletion(tenant=tenant)
    logger.info("The organisation %s is deleted.", tenant.slug)
    return True


@transaction.atomic
def remove_rows(tenant_id: UUID, table: str, limit: int) -> int:
    """Remove up to so many of a tenant's rows of one table. Return how many; 0 when none is left."""
    users = _remove_users(tenant_id, limit) if table == Membership._meta.db_table else 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT purge_tenant_rows(%s, %s, %s)", [table, tenant_id, limit])
        count = int(cursor.fetchone()[0]) + users
        if count:
            cursor.execute(
                "UPDATE tenants_tenant SET deletion_counts = jsonb_set(coalesce(deletion_counts, '{}'), ARRAY[%s], "
                "to_jsonb(coalesce((deletion_counts->>%s)::bigint, 0) + %s)) WHERE id = %s",
                [table, table, count, tenant_id],
            )
    return count


def _remove_users(tenant_id: UUID, limit: int) -> int:
    """Remove the people of the next memberships who belong nowhere else; the memberships go with them."""
    rows = Membership.objects.filter(tenant_id=tenant_id).order_by("pk").values_list("user_id")[:limit]
    # Locked first: who is being taken in elsewhere right now is known to belong there, or is not there to be taken in.
    people = User.objects.select_for_update().filter(pk__in=[user_id for (user_id,) in rows]).order_by("pk")
    alone = [person.pk for person in people if not belongs_elsewhere(person, tenant_id)]
    User.objects.filter(pk__in=alone).delete()
    return len(alone)


def tables_in_order() -> list[str]:
    """Return every table with tenants' rows, each before those that its rows refer to; the audit log comes last."""
    models = [model for model in apps.get_models() if model is not Tenant and _has_tenant(model)]
    graph: dict[type[Model], set[type[Model]]] = {model: set() for model in models}
    for model in models:
        for parent in _parents(model):
            if parent in graph and parent is not model:
                graph[parent].add(model)
    graph[AcceptedDomain].add(Mailbox)  # addresses, which refer to domains, go with their mailboxes
    ordered = [model._meta.db_table for model in TopologicalSorter(graph).static_order()]
    last = AuditEvent._meta.db_table
    return [*(table for table in ordered if table != last), last]


def _has_tenant(model: type[Model]) -> bool:
    return any(field.name == "tenant" for field in model._meta.concrete_fields)


def _parents(model: type[Model]) -> Iterator[type[Model]]:
    for field in model._meta.concrete_fields:
        if field.related_model is not None and not isinstance(field.related_model, str):
            yield field.related_model


assert Mailbox._meta.db_table == "tenants_mailbox", "purge_tenant_rows() names it"
