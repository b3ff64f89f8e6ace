"""What a tenant has used of what it may, for its console, its programs and the operators: one reading for all three."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from tenants.limits import Limits, limits_under, plan_of, source_of
from tenants.models import AcceptedDomain, Mailbox, Tenant
from transport.models import Direction, LimitNotice, Period, TenantLoad, Usage
from transport.usage.count import Count, Key
from transport.usage.counting import counts_now
from transport.usage.meters import NEAR, OVER
from transport.usage.parties import RECEIVED, SENT
from transport.usage.windows import day_of_hour, day_start, hour_of, hour_start
from transport.usage.words import amount, consequence, label_of

TOP: Final = 10
RECENT: Final = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One limit. `used` is None for what is asked of each message or mailbox by itself."""

    limit_name: str
    label: str
    allowed: int
    source: str
    consequence: str
    used: int | None = None
    resets_at: datetime | None = None

    @property
    def share(self) -> int:
        """Return how much is used, in per cent; what goes over shows as such."""
        if not self.used:
            return 0
        return self.used * 100 // self.allowed if self.allowed else OVER

    @property
    def state(self) -> str:
        """Return ok, near or reached."""
        return "reached" if self.share >= OVER else "near" if self.share >= NEAR else "ok"

    @property
    def used_text(self) -> str:
        return amount(self.limit_name, self.used or 0)

    @property
    def allowed_text(self) -> str:
        return amount(self.limit_name, self.allowed)

    def to_json(self) -> dict[str, Any]:
        shown = {"limit": self.allowed, "used": self.used, "share": self.share if self.used is not None else None}
        told = {"label": self.label, "consequence": self.consequence, "source": self.source, "state": self.state}
        return {"name": self.limit_name, **shown, "resets_at": self.resets_at, **told}


@dataclass(frozen=True, slots=True)
class Sender:
    """What one mailbox sent in a period, beside what it may."""

    mailbox_id: UUID
    name: str
    address: str
    messages: int
    recipients: int
    refused: int
    is_put_off: bool

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "mailbox_id": str(self.mailbox_id)}


@dataclass(frozen=True, slots=True)
class Report:
    plan: str
    lines: tuple[Line, ...]
    counted_at: datetime

    @property
    def holdings(self) -> list[Line]:
        """Return what stays used until somebody makes room."""
        return [line for line in self.lines if line.used is not None and line.resets_at is None]

    @property
    def rates(self) -> list[Line]:
        return [line for line in self.lines if line.resets_at is not None]

    @property
    def each(self) -> list[Line]:
        """Return what is asked of each message or mailbox by itself."""
        return [line for line in self.lines if line.used is None]


def usage_of(tenant: Tenant, now: datetime | None = None) -> Report:
    """Return the report of a tenant, in its scope or an operator's."""
    moment = now or timezone.now()
    plan = plan_of(tenant)
    limits = limits_under(tenant, plan)
    used = _used(tenant, moment)
    lines = tuple(
        Line(
            name,
            label_of(name),
            allowed,
            source_of(tenant, plan, name).value,
            consequence(name),
            used.get(name),
            _reset(name, moment) if name in used else None,
        )
        for name, allowed in asdict(limits).items()
    )
    return Report(plan.name if plan else "", lines, moment)


def _used(tenant: Tenant, now: datetime) -> dict[str, int]:
    hour = hour_of(now.timestamp())
    sent_key, received_key = Key.of_tenant(tenant.pk, SENT), Key.of_tenant(tenant.pk, RECEIVED)
    counts = counts_now([sent_key, received_key], now=now.timestamp())
    sent, received = counts.get(sent_key, Count(hour)), counts.get(received_key, Count(hour))
    load = TenantLoad.objects.filter(tenant_id=tenant.pk).first()
    return {
        "max_domains": AcceptedDomain.objects.filter(tenant=tenant).count(),
        "max_mailboxes": Mailbox.objects.filter(tenant=tenant).count(),
        "max_storage": load.storage if load else 0,
        "max_queued": load.queued if load else 0,
        "messages_per_hour": sent.hour_messages,
        "messages_per_day": sent.day_messages,
        "recipients_per_hour": sent.hour_recipients,
        "recipients_per_day": sent.day_recipients,
        "incoming_messages_per_hour": received.hour_messages,
        "incoming_messages_per_day": received.day_messages,
    }


def _reset(limit_name: str, now: datetime) -> datetime | None:
    hour = hour_of(now.timestamp())
    if limit_name.endswith("_per_hour"):
        return hour_start(hour + 1)
    return day_start(day_of_hour(hour) + 1) if limit_name.endswith("_per_day") else None


def top_senders(tenant: Tenant, period: Period, now: datetime | None = None) -> list[Sender]:
    """Return the mailboxes that sent most in the hour or the day that runs, as of the last roll-up."""
    moment = now or timezone.now()
    hour = hour_of(moment.timestamp())
    start = hour_start(hour) if period == Period.HOUR else day_start(day_of_hour(hour))
    rows = Usage.objects.filter(tenant_id=tenant.pk, direction=Direction.SENT, period=period, start=start)
    found = list(rows.exclude(subject_id=tenant.pk).order_by("-recipients", "-messages", "subject_id")[:TOP])
    boxes = Mailbox.objects.filter(tenant=tenant).prefetch_related("addresses")
    known = boxes.in_bulk([row.subject_id for row in found])
    limits = limits_under(tenant, plan_of(tenant))
    return [_sender(row, known[row.subject_id], limits) for row in found if row.subject_id in known]


def _sender(row: Usage, mailbox: Mailbox, limits: Limits) -> Sender:
    messages = getattr(limits, f"mailbox_messages_per_{row.period}")
    recipients = getattr(limits, f"mailbox_recipients_per_{row.period}")
    is_put_off = row.messages >= messages or row.recipients >= recipients
    address = str(mailbox.primary_address or "")
    return Sender(mailbox.pk, mailbox.display_name, address, row.messages, row.recipients, row.refused, is_put_off)


def open_notices(tenant_id: UUID) -> QuerySet[LimitNotice]:
    """Return the limits that a tenant is near to or over now, as the tally found them."""
    return LimitNotice.objects.filter(tenant_id=tenant_id, ended_at=None).order_by("-level", "limit_name")


def recent_notices(tenant_id: UUID, now: datetime | None = None) -> list[LimitNotice]:
    """Return the newest notices of the last weeks, those that are over too."""
    since = (now or timezone.now()) - timedelta(days=30)
    return list(LimitNotice.objects.filter(tenant_id=tenant_id, began_at__gt=since)[:RECENT])


def tenants_near_limits(share: int = NEAR, limit: int = 50) -> list[TenantLoad]:
    """Return the tenants that used most of some limit, the fullest first; for operators."""
    return list(TenantLoad.objects.filter(share__gte=share).select_related("tenant")[:limit])
