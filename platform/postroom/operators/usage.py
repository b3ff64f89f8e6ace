"""What the tenants of one page of the list use, and what they may: a few statements for all of them together."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import F, Sum
from django.http import HttpRequest
from django.utils import timezone
from typing_extensions import override

from tenants.limits import limits_under
from tenants.models import Plan, Tenant
from transport.models import TenantLoad, Traffic


class UsageList(ChangeList):
    """A page of tenants: each row knows its `load` as counted last, its `limits` and its messages of `today`."""

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        ids = [row.pk for row in rows]
        loads = {load.tenant_id: load for load in TenantLoad.objects.filter(tenant__in=ids)}
        today = messages_today(rows)
        default = Plan.objects.filter(is_default=True).first()
        for row in rows:
            row.load = loads.get(row.pk) or TenantLoad(tenant_id=row.pk)
            row.limits = limits_under(row, row.plan or default)
            row.today = today.get(row.pk, 0)
        self.result_list = rows


def messages_today(tenants: list[Tenant]) -> dict[Any, int]:
    """Return how many messages each has handed in or got since midnight, UTC."""
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Traffic.objects.filter(tenant__in=tenants, hour__gte=midnight).order_by().values("tenant_id")
    return {row["tenant_id"]: row["n"] for row in rows.annotate(n=Sum(F("submitted") + F("received")))}
