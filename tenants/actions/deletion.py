"""Deleting an organisation: asked for, undone until the day, then begun. What removes it is in transport/purge.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.audit import audit
from tenants.models import Mailbox, SuspensionMode, Tenant
from tenants.problems import Problem
from tenants.scope import operator_scope
from tenants.wakeups import configuration_changed

FACTS: Final = ("deletion_due_at", "deletion_asked_at", "deletion_asked_by", "deletion_by_operator")
MOST_DAYS: Final = 365


@transaction.atomic
def ask_deletion(*, actor: Actor, tenant: Tenant, confirm: str, days: int | None = None) -> Tenant:
    """Plan the deletion of an organisation, which works on until then. `confirm` is its slug, typed.

    An owner's waits for POSTROOM_DELETION_DAYS at least; an operator may choose any number of days, 0 for now.
    """
    is_operator = actor.kind == "operator"
    with operator_scope():  # the columns are not the tenant's session's to write
        row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        _check(row, confirm)
        wait = _days(days, is_operator=is_operator)
        row.deletion_asked_at = timezone.now()
        row.deletion_due_at = row.deletion_asked_at + timedelta(days=wait)
        row.deletion_asked_by, row.deletion_by_operator = actor.name, is_operator
        row.save(update_fields=[*FACTS])
        audit(actor=actor, tenant=row, action="tenant.deletion_ask", obj=row, before=_NONE, after=_picture(row))
    return row


@transaction.atomic
def keep_tenant(*, actor: Actor, tenant: Tenant) -> Tenant:
    """Undo a planned deletion. What an operator planned, an operator undoes."""
    with operator_scope():
        row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        if row.deletion_started_at is not None:
            raise Problem("tenant.being_deleted", name=row.name)
        if row.deletion_due_at is None:
            raise Problem("tenant.deletion_none", name=row.name)
        if row.deletion_by_operator and actor.kind != "operator":
            raise Problem("tenant.deletion_by_operator", name=row.name, by=row.deletion_asked_by)
        before = _picture(row)
        row.deletion_due_at = row.deletion_asked_at = None
        row.deletion_asked_by, row.deletion_by_operator = "", False
        row.save(update_fields=[*FACTS])
        audit(actor=actor, tenant=row, action="tenant.deletion_keep", obj=row, before=before, after=_NONE)
    return row


@transaction.atomic
def begin_deletion(*, tenant: Tenant) -> Tenant:
    """Stop an organisation whose day has come, for good: no mail, no sign-in, no keys, and no way back."""
    row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if row.deletion_due_at is None or row.deletion_due_at > timezone.now() or row.deletion_started_at is not None:
        return row
    row.deletion_started_at = timezone.now()
    row.status = Tenant.Status.SUSPENDED
    row.suspended_at = row.suspended_at or row.deletion_started_at
    row.suspension_mode = SuspensionMode.PERMANENT
    row.deletion_counts = {"letter_bytes": Mailbox.objects.filter(tenant=row).aggregate(n=Sum("used_bytes"))["n"] or 0}
    row.save(update_fields=["deletion_started_at", "status", "suspended_at", "suspension_mode", "deletion_counts"])
    audit(actor=SYSTEM, tenant=row, action="tenant.deletion_begin", obj=row, after=_picture(row))
    configuration_changed(row.pk)
    return row


@transaction.atomic
def finish_deletion(*, tenant: Tenant) -> None:
    """Remove the organisation's own row, the last there is, and leave one line of the platform's in the audit log."""
    row = Tenant.objects.select_for_update().get(pk=tenant.pk)
    before = {"slug": row.slug, "name": row.name, "created_at": row.created_at.isoformat()} | _picture(row)
    audit(
        actor=SYSTEM,
        tenant=None,
        action="tenant.delete",
        obj=row,
        before=before,
        after={"removed": row.deletion_counts},
    )
    with connection.cursor() as cursor:  # nothing hangs on it any more, so nothing has to be collected
        cursor.execute("DELETE FROM tenants_tenant WHERE id = %s", [row.pk])


_NONE: Final[dict[str, Any]] = {"deletion_due_at": None}


def _check(row: Tenant, confirm: str) -> None:
    if row.is_platform:
        raise Problem("tenant.platform", name=row.name)
    if row.deletion_due_at is not None:
        raise Problem("tenant.deletion_asked", name=row.name, due=row.deletion_due_at.date().isoformat())
    if confirm.strip() != row.slug:
        raise Problem("tenant.wrong_name", field="confirm", slug=row.slug)


def _days(asked: int | None, *, is_operator: bool) -> int:
    usual: int = settings.POSTROOM_DELETION_DAYS
    days = usual if asked is None else asked
    low = 0 if is_operator else usual
    if not low <= days <= MOST_DAYS:
        raise Problem("tenant.invalid_notice_period", field="days", low=usual, high=MOST_DAYS)
    return days


def _picture(row: Tenant) -> dict[str, Any]:
    asked, due = row.deletion_asked_at, row.deletion_due_at
    return {
        "deletion_due_at": due.isoformat() if due else None,
        "deletion_asked_at": asked.isoformat() if asked else None,
        "deletion_asked_by": row.deletion_asked_by,
    }
