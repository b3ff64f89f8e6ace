"""What a tenant may use: an operator's override for the tenant, else its plan's figure, else the platform's.

Limits are counts, or bytes where the name says size or storage. Hours and days are those of the clock in UTC.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Final

from tenants.models.plan import Plan
from tenants.models.tenant import Tenant


class Source(StrEnum):
    """Where a limit comes from."""

    TENANT = "tenant"
    PLAN = "plan"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of one tenant; the defaults are the platform's, for where there is no plan at all."""

    max_domains: int = 100
    max_mailboxes: int = 10_000
    max_storage: int = 1024**4
    max_queued: int = 200_000
    max_message_size: int = 36 * 1024**2
    max_recipients_per_message: int = 500
    messages_per_hour: int = 50_000
    messages_per_day: int = 400_000
    recipients_per_hour: int = 100_000
    recipients_per_day: int = 800_000
    mailbox_messages_per_hour: int = 2_000
    mailbox_messages_per_day: int = 10_000
    mailbox_recipients_per_hour: int = 5_000
    mailbox_recipients_per_day: int = 25_000
    incoming_messages_per_hour: int = 200_000
    incoming_messages_per_day: int = 2_000_000


NAMES: Final = tuple(field.name for field in fields(Limits))
PLATFORM: Final = Limits()
# Each column's own reach; the mail flow adds sizes up, so that those stay below.
HIGHEST: Final = dict.fromkeys(NAMES, 2**31 - 1) | {"max_message_size": 2**40, "max_storage": 2**60}

# For statements of the mail flow: the columns of `t`, a tenant, with its plan `p` joined.
COLUMNS: Final = tuple(f"coalesce(t.{name}, p.{name}, {default})" for name, default in asdict(PLATFORM).items())
JOIN_PLAN: Final = (
    "LEFT JOIN tenants_plan p ON p.id = coalesce(t.plan_id, (SELECT d.id FROM tenants_plan d WHERE d.is_default))"
)


def plan_of(tenant: Tenant) -> Plan | None:
    """Return the tenant's plan: its own, or the default one; None where the platform has none."""
    return tenant.plan if tenant.plan_id else Plan.objects.filter(is_default=True).first()


def limits_of(tenant: Tenant) -> Limits:
    """Return what counts for a tenant now."""
    return limits_under(tenant, plan_of(tenant))


def limits_under(tenant: Tenant, plan: Plan | None) -> Limits:
    """Return what counts for a tenant under a plan that the caller has read."""
    values = {}
    for name, default in asdict(PLATFORM).items():
        own, planned = getattr(tenant, name), getattr(plan, name, None)
        values[name] = own if own is not None else planned if planned is not None else default
    return Limits(**values)


def source_of(tenant: Tenant, plan: Plan | None, name: str) -> Source:
    """Return where a tenant's limit of this name comes from."""
    if getattr(tenant, name) is not None:
        return Source.TENANT
    return Source.PLAN if plan is not None else Source.PLATFORM


def plan_name(tenant: Tenant) -> str:
    """Return the name of the tenant's plan, '' where there is none."""
    plan = plan_of(tenant)
    return plan.name if plan is not None else ""
