"""A tenant's retry clock: its schedule in the readable syntax, the delay notice and the end (reference §5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction

from tenants.actions.actor import Actor
from tenants.actions.tenants import change_tenant
from tenants.models import Tenant
from tenants.problems import Problem
from transport.routing.retry import InvalidRetrySchedule, RetryClock


def clock_of(tenant: Tenant) -> RetryClock:
    """Return the clock that a tenant's messages are tried by."""
    return RetryClock.parse(
        tenant.retry_schedule,
        expiry=tenant.message_expiration_timeout,
        delay_notice=tenant.delay_notification_timeout,
    )


def change_retry_clock(
    *,
    actor: Actor,
    tenant: Tenant,
    retry_schedule: str | None = None,
    message_expiration_timeout: timedelta | None = None,
    delay_notification_timeout: timedelta | None = None,
) -> Tenant:
    """Change what is given. The schedule counts for what waits already, the other two for what comes in from now on."""
    changes: dict[str, Any] = {
        "message_expiration_timeout": message_expiration_timeout,
        "delay_notification_timeout": delay_notification_timeout,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if retry_schedule is not None:
        changes["retry_schedule"] = _normal(retry_schedule)
    return change_tenant(actor=actor, tenant=tenant, **changes) if changes else tenant


def preview_retry_clock(*, actor: Actor, tenant: Tenant, **changes: Any) -> RetryClock:
    """Return the clock as it would be; nothing is changed. What a change would refuse is refused here, too."""
    with transaction.atomic():
        clock = clock_of(change_retry_clock(actor=actor, tenant=tenant, **changes))
        transaction.set_rollback(True)
    return clock


def _normal(schedule: str) -> str:
    try:
        return str(RetryClock.parse(schedule))
    except InvalidRetrySchedule as error:
        raise Problem(error.reason_code, field="retry_schedule", schedule=schedule[:200], why=str(error)) from None
