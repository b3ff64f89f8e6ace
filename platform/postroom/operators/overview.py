"""The admin's first page: is the platform healthy, does mail flow, and what is stuck."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from postroom.health import Check, check_all
from postroom.operators.charts import Chart, Slot, draw
from postroom.operators.words import Told, told_failures, told_groups
from postroom.scoping import manages_scope
from tenants.models import Tenant
from transport.models import (
    Heartbeat,
    PlatformTraffic,
    PressureChange,
    QueueFigures,
    QueueOperation,
    TenantLoad,
    Traffic,
)
from transport.queue.across import QueueFilter, by_destination, by_status, grouped
from transport.queue.figures import counted_at, refresh_if_cheap
from transport.tracking.across import recent_failures
from transport.usage.report import tenants_near_limits
from transport.usage.words import LABELS

HOURS: Final = 24
DAYS: Final = 14
SHORT: Final = 8  # lines of each list; the queue viewer has all


@manages_scope
def show(request: HttpRequest) -> HttpResponse:
    checks = check_all()  # asks the broker: not inside a scope
    context: dict[str, Any] = {**admin.site.each_context(request), "title": _("Overview"), "checks": checks}
    if not _database_answers(checks):
        return render(request, "admin/operators/overview.html", context, status=503)
    with request.enter_scope():  # type: ignore[attr-defined]  # the middleware put it there
        refresh_if_cheap()
        context |= {"all_well": all(check.ok for check in checks), **_tenants(), **_mail(), **_queues(), **_pressure()}
        return render(request, "admin/operators/overview.html", context)


def _database_answers(checks: Iterable[Check]) -> bool:
    return all(check.ok for check in checks if check.name == "database")


def _tenants() -> dict[str, Any]:
    counts = dict(Tenant.objects.values_list("status").annotate(n=Count("pk")))
    active = counts.pop(Tenant.Status.ACTIVE, 0)
    return {
        "active_tenants": active,
        "other_tenants": sum(counts.values()),
        "busiest": busiest_tenants(),
        "near": near_limits(),
    }


def near_limits() -> list[Told[TenantLoad]]:
    """Return the tenants that used most of some limit, each with the limit's name."""
    return [Told(load, str(LABELS.get(load.nearest, load.nearest))) for load in tenants_near_limits(limit=SHORT)]


def busiest_tenants() -> list[dict[str, Any]]:
    """Return the tenants that handed in most in the last day."""
    rows = Traffic.objects.filter(hour__gte=timezone.now() - timedelta(hours=HOURS)).values("tenant_id")
    sums = rows.annotate(out=Sum("submitted"), incoming=Sum("received"), all_failed=Sum("failed"))
    found = list(sums.order_by("-out")[:SHORT])
    known = Tenant.objects.in_bulk([row["tenant_id"] for row in found])
    return [dict(row) | {"tenant": known[row["tenant_id"]]} for row in found if row["tenant_id"] in known]


def _mail() -> dict[str, Any]:
    now = timezone.now()
    rows = list(PlatformTraffic.objects.filter(hour__gte=now - timedelta(days=DAYS)))
    return {"hourly": _hourly(rows, now), "daily": _daily(rows, now)}


def _hourly(rows: Iterable[PlatformTraffic], now: datetime) -> Chart:
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    known = {row.hour: row for row in rows}
    slots = [_slot(hour, f"{hour:%H}" if hour.hour % 3 == 0 else "", [known.get(hour)]) for hour in hours]
    return draw(_("The last 24 hours"), slots)


def _daily(rows: Iterable[PlatformTraffic], now: datetime) -> Chart:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    of_day: dict[datetime, list[PlatformTraffic | None]] = {}
    for row in rows:
        of_day.setdefault(row.hour.replace(hour=0), []).append(row)
    return draw(_("The last 14 days"), [_slot(day, f"{day:%d.}", of_day.get(day, [])) for day in days])


def _slot(at: datetime, label: str, rows: Iterable[PlatformTraffic | None]) -> Slot:
    there = [row for row in rows if row is not None]
    return Slot(
        at,
        label,
        incoming=sum(row.received + row.submitted for row in there),
        outgoing=sum(row.sent + row.delivered for row in there),
        failed=sum(row.failed for row in there),
    )


def _pressure() -> dict[str, Any]:
    """Return which resources press the daemons now, and how that changed lately."""
    beats = Heartbeat.objects.filter(kind="smtpd").order_by("process")
    pressing = [
        (beat.process, resource, level)
        for beat in beats
        for resource, level in dict(beat.detail.get("levels", {})).items()
        if level != "normal"
    ]
    changes = PressureChange.objects.filter(at__gte=timezone.now() - timedelta(hours=HOURS)).order_by("-id")
    return {"pressing": pressing, "pressure_changes": changes[:SHORT]}


def _queues() -> dict[str, Any]:
    labels = dict(QueueFigures.Status.choices)
    incidents = told_groups(grouped("error", QueueFilter(), SHORT))
    return {
        "statuses": [row | {"label": labels.get(row["status"], row["status"])} for row in by_status()],
        "fullest": by_destination("-deliveries", SHORT),
        "slowest": by_destination("oldest_at", SHORT),
        "incidents": incidents,
        "failures": told_failures(recent_failures(timezone.now() - timedelta(hours=HOURS), SHORT)),
        "operations": QueueOperation.objects.filter(state=QueueOperation.State.RUNNING)[:SHORT],
        "counted_at": counted_at(),
    }
