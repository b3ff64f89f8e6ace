"""Queues over all tenants, for operators: grouped by next hop, by error or by tenant; from the kept figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum

from tenants.models import Tenant
from transport.models import DeliveryType, QueueFigures

GROUPS: Final = ("next_hop", "error", "tenant")
MOST_GROUPS: Final = 200


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which queues; empty means any. `next_hop` is exact, or a beginning where it ends in `*`."""

    tenant: str = ""  # slug
    next_hop: str = ""
    delivery_type: str = ""
    status: str = ""
    reason: str = ""
    endpoint: str = ""
    incident: str = ""

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        return cls(**{name: str(given.get(name) or "").strip() for name in cls.__slots__})

    def to_json(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    def narrowed(self, **more: str) -> QueueFilter:
        return replace(self, **more)


@dataclass(frozen=True, slots=True)
class QueueGroup:
    """Queues that have something in common, added up; `filter` finds them."""

    label: str
    detail: str
    filter: QueueFilter
    queues: int
    tenants: int
    messages: int
    deliveries: int
    oldest_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Incident(QueueGroup):
    """Queues that wait for the same reason, told in the same words: `label` says by whom where it is one server."""

    domains: int = 0
    endpoints: int = 0
    since: datetime | None = None
    last_at: datetime | None = None


def figures(chosen: QueueFilter) -> QuerySet[QueueFigures]:
    """Return the queues that a filter finds, without an order."""
    names = ("delivery_type", "status", "endpoint", "incident")
    exact = {name: getattr(chosen, name) for name in names}
    rows = QueueFigures.objects.filter(**{name: value for name, value in exact.items() if value})
    if chosen.reason:
        rows = rows.filter(reason="" if chosen.reason == "none" else chosen.reason)
    if chosen.next_hop.endswith("*"):
        rows = rows.filter(next_hop_domain__startswith=chosen.next_hop[:-1])
    elif chosen.next_hop:
        rows = rows.filter(next_hop_domain=chosen.next_hop)
    if chosen.tenant:
        rows = rows.filter(tenant_id__in=Tenant.objects.filter(slug=chosen.tenant).values("pk"))
    return rows


def grouped(by: str, chosen: QueueFilter, limit: int = MOST_GROUPS) -> list[QueueGroup]:
    """Return the groups of what a filter finds, the fullest first."""
    maker = {"next_hop": _by_next_hop, "error": _by_error, "tenant": _by_tenant}[by]
    return maker(figures(chosen), chosen, limit)


def by_destination(order: str, limit: int) -> list[QueueGroup]:
    """Return the next hops outside that hold most (`-deliveries`) or whose mail has waited longest (`oldest_at`)."""
    rows = QueueFigures.objects.filter(
        delivery_type__in=[DeliveryType.DNS_CONNECTOR, DeliveryType.SMART_HOST_CONNECTOR], deliveries__gt=0
    )
    return _by_next_hop(rows, QueueFilter(), limit, order)


def by_status() -> list[dict[str, Any]]:
    """Return how many queues and recipients there are in each status."""
    rows = QueueFigures.objects.values("status").annotate(queues=Count("pk"), deliveries=Sum("deliveries"))
    return [dict(row) for row in rows.order_by("status")]


def _summed(rows: QuerySet[QueueFigures], *keys: str) -> Any:
    sums = {
        "queues": Count("pk"),
        "tenants": Count("tenant_id", distinct=True),
        "all_messages": Sum("messages"),
        "all_deliveries": Sum("deliveries"),
        "oldest": Min("oldest_at"),
    }
    return rows.values(*keys).annotate(**sums)


def _ordered(rows: Any, order: str, limit: int) -> list[dict[str, Any]]:
    first = F("oldest").asc(nulls_last=True) if order == "oldest_at" else F("all_deliveries").desc()
    return list(rows.order_by(first, "-queues")[:limit])


def _group(row: dict[str, Any], label: str, detail: str, chosen: QueueFilter) -> QueueGroup:
    return QueueGroup(
        label=label,
        detail=detail,
        filter=chosen,
        queues=row["queues"],
        tenants=row["tenants"],
        messages=row["all_messages"],
        deliveries=row["all_deliveries"],
        oldest_at=row["oldest"],
    )


def _by_next_hop(
    rows: QuerySet[QueueFigures], chosen: QueueFilter, limit: int, order: str = "-deliveries"
) -> list[QueueGroup]:
    found = _ordered(_summed(rows, "delivery_type", "next_hop_domain"), order, limit)
    return [
        _group(
            row,
            row["next_hop_domain"],
            row["delivery_type"],
            chosen.narrowed(next_hop=row["next_hop_domain"], delivery_type=row["delivery_type"]),
        )
        for row in found
    ]


def _by_error(rows: QuerySet[QueueFigures], chosen: QueueFilter, limit: int) -> list[QueueGroup]:
    """Group by what went wrong: the same error in the same words is one incident, whomever it hits."""
    summed = _summed(rows.filter(~Q(reason="")), "incident").annotate(
        one_reason=Max("reason"),
        domains=Count("next_hop_domain", distinct=True),
        endpoints=Count("endpoint", distinct=True),
        one_endpoint=Max("endpoint"),
        since=Min("since"),
        last_at=Max("error_at"),
    )
    found = _ordered(summed, "-deliveries", limit)
    words = _last_words(rows, [row["incident"] for row in found])
    return [_incident(row, words.get(row["incident"], ""), chosen) for row in found]


def _incident(row: dict[str, Any], words: str, chosen: QueueFilter) -> Incident:
    return Incident(
        label=row["one_endpoint"] if row["endpoints"] == 1 else "",
        detail=words,
        filter=chosen.narrowed(reason=row["one_reason"], incident=row["incident"]),
        queues=row["queues"],
        tenants=row["tenants"],
        messages=row["all_messages"],
        deliveries=row["all_deliveries"],
        oldest_at=row["oldest"],
        reason=row["one_reason"],
        domains=row["domains"],
        endpoints=row["endpoints"],
        since=row["since"],
        last_at=row["last_at"],
    )


def _last_words(rows: QuerySet[QueueFigures], incidents: list[str]) -> dict[str, str]:
    """Return what was said last in each of these incidents."""
    latest = rows.filter(incident__in=incidents).order_by("incident", F("error_at").desc(nulls_last=True))
    return dict(latest.distinct("incident").values_list("incident", "peer_text"))


def _by_tenant(rows: QuerySet[QueueFigures], chosen: QueueFilter, limit: int) -> list[QueueGroup]:
    found = _ordered(_summed(rows, "tenant_id"), "-deliveries", limit)
    ids: list[UUID] = [row["tenant_id"] for row in found]
    known = {tenant.pk: tenant for tenant in Tenant.objects.filter(pk__in=ids).only("slug", "name")}
    groups = []
    for row in found:
        tenant = known.get(row["tenant_id"])
        if tenant is not None:
            groups.append(_group(row, tenant.name, tenant.slug, chosen.narrowed(tenant=tenant.slug)))
    return groups
