"""A tenant's share of the workers at this moment, as its pages show it (due.py decides by it).

The sums over all tenants come with the kept figures (figures.py): a tenant is told how many share, never who.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from django.db import connection
from django.db.models import Count, Q, Sum

from tenants.limits import plan_of
from tenants.models import Tenant
from transport.models import QueueFigures


@dataclass(frozen=True, slots=True)
class Share:
    """`percent` is of the workers' turns, as of `counted_at`; of all of them where nobody else has mail to send."""

    weight: int  # of the tenant's plan
    percent: int
    others: int  # further tenants that have mail to send now
    turns_before: int  # of theirs, at most, before the tenant's next one
    waiting: int  # the tenant's recipients that are ready
    running: int  # its queues that are served
    counted_at: datetime | None


def share_of(tenant: Tenant) -> Share:
    """Return what share of the workers' turns a tenant has, or would have if it sent something now."""
    plan = plan_of(tenant)
    weight = plan.weight if plan else 1
    own = QueueFigures.objects.filter(tenant_id=tenant.pk, suspended=False).aggregate(
        waiting=Sum("ready", default=0),
        running=Count("pk", filter=Q(active__gt=0)),
        queues=Count("pk", filter=Q(ready__gt=0)),
    )
    tenants, weights, queues, at = _load()
    if own["waiting"] or own["running"]:
        tenants, weights, queues = tenants - 1, weights - weight, queues - own["queues"]
    others = max(weights, 0)
    return Share(
        weight=weight,
        percent=round(100 * weight / (weight + others)),
        others=max(tenants, 0),
        turns_before=min(ceil(others / weight), max(queues, 0)),
        waiting=own["waiting"],
        running=own["running"],
        counted_at=at,
    )


def _load() -> tuple[int, int, int, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenants, weights, queues, at FROM worker_load()")
        return cursor.fetchone() or (0, 0, 0, None)
