"""Suspending and resuming: an organisation, a domain or a user by operators, a member by their organisation.

A mailbox is disabled by `change_mailbox`, with the same facts. What each does is in one place for people to read, the
reasons' texts, and in one place each for the machine: routing for what is taken in and sent, the claim of deliveries
for what waits, the membership look-ups for signing in.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.actions.sessions import end_sessions
from tenants.actions.tenants import check_other_owner
from tenants.models import AcceptedDomain, Mailbox, Membership, Suspendable, SuspensionMode, Tenant, User
from tenants.names import printable_name
from tenants.problems import Problem
from tenants.wakeups import RELEASE_TASK, configuration_changed, wake_on_commit

FACTS: Final = ("suspended_at", "suspended_by", "suspension_reason", "suspension_mode")
# At least so long after a suspension nothing expires: what was held gets a try before it is given up.
LEAST_GRACE: Final = timedelta(hours=1)


@transaction.atomic
def suspend_tenant(*, actor: Actor, tenant: Tenant, reason: str, mode: str = SuspensionMode.TEMPORARY) -> Tenant:
    """Stop an organisation: nothing comes in or goes out, what waits is held, members see why, keys are refused."""
    row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if row.is_platform:
        raise Problem("tenant.platform", name=row.name)
    before = _picture(row, "status")
    mark_suspended(row, actor=actor, reason=reason, mode=mode)
    row.status = Tenant.Status.SUSPENDED
    row.save(update_fields=[*FACTS, "status"])
    audit(actor=actor, tenant=row, action="tenant.suspend", obj=row, before=before, after=_picture(row, "status"))
    configuration_changed(row.pk)
    return row


@transaction.atomic
def resume_tenant(*, actor: Actor, tenant: Tenant) -> Tenant:
    """Let an organisation go on as it was. What was held leaves, and for as long as it was held nothing expires."""
    row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if row.is_active:
        raise Problem("suspension.none", name=row.name)
    if row.deletion_started_at is not None:
        raise Problem("tenant.being_deleted", name=row.name)
    before = _picture(row, "status")
    now = timezone.now()
    held_for = min(now - (row.suspended_at or now), row.message_expiration_timeout)
    row.expiry_paused_until = now + max(held_for, LEAST_GRACE)
    mark_resumed(row)
    row.status = Tenant.Status.ACTIVE
    row.save(update_fields=[*FACTS, "status", "expiry_paused_until"])
    audit(actor=actor, tenant=row, action="tenant.resume", obj=row, before=before, after=_picture(row, "status"))
    configuration_changed(row.pk)
    wake_on_commit("transport.deliver")
    return row


@transaction.atomic
def suspend_domain(
    *, actor: Actor, domain: AcceptedDomain, reason: str, mode: str = SuspensionMode.TEMPORARY
) -> AcceptedDomain:
    """Stop one domain: no mail for it or from it, and what waits of it is held; the organisation's others go on."""
    before = _picture(domain)
    mark_suspended(domain, actor=actor, reason=reason, mode=mode)
    domain.save(update_fields=[*FACTS])
    _written(actor, domain, "accepted_domain.suspend", before)
    return domain


@transaction.atomic
def resume_domain(*, actor: Actor, domain: AcceptedDomain) -> AcceptedDomain:
    """Let a domain go on; what was held is released as it was."""
    if not domain.is_suspended:
        raise Problem("suspension.none", name=domain.domain)
    before = _picture(domain)
    mark_resumed(domain)
    domain.save(update_fields=[*FACTS])
    _written(actor, domain, "accepted_domain.resume", before)
    return domain


@transaction.atomic
def suspend_user(*, actor: Actor, user: User, reason: str) -> User:
    """Keep somebody out everywhere: open sessions end, their mailboxes send nothing; they still get mail."""
    if actor.id == str(user.pk):
        raise Problem("user.suspends_self")
    before = _picture(user, "is_active")
    mark_suspended(user, actor=actor, reason=reason, mode="")
    user.is_active = False
    user.save(update_fields=[*FACTS, "is_active"])
    end_sessions(user=user)
    _user_written(actor, user, "user.suspend", before)
    return user


@transaction.atomic
def resume_user(*, actor: Actor, user: User) -> User:
    """Let somebody in again, with the memberships and the password that they had."""
    if user.is_active:
        raise Problem("suspension.none", name=user.email)
    before = _picture(user, "is_active")
    mark_resumed(user)
    user.is_active = True
    user.save(update_fields=[*FACTS, "is_active"])
    _user_written(actor, user, "user.resume", before)
    return user


@transaction.atomic
def suspend_member(*, actor: Actor, membership: Membership, reason: str) -> Membership:
    """Keep a member out of this organisation alone; their mailbox is a thing of its own and goes on."""
    if actor.id == str(membership.user_id):
        raise Problem("user.suspends_self")
    if membership.role == Membership.Role.OWNER:
        check_other_owner(membership)
    before = _picture(membership)
    mark_suspended(membership, actor=actor, reason=reason, mode="")
    membership.save(update_fields=[*FACTS])
    after = _picture(membership)
    audit(
        actor=actor,
        tenant=membership.tenant_id,
        action="membership.suspend",
        obj=membership,
        before=before,
        after=after,
    )
    return membership


@transaction.atomic
def resume_member(*, actor: Actor, membership: Membership) -> Membership:
    """Let a member in again, with the role that they had."""
    if not membership.is_suspended:
        raise Problem("suspension.none", name=membership.user.email)
    before = _picture(membership)
    mark_resumed(membership)
    membership.save(update_fields=[*FACTS])
    after = _picture(membership)
    audit(
        actor=actor, tenant=membership.tenant_id, action="membership.resume", obj=membership, before=before, after=after
    )
    return membership


def mark_suspended(row: Suspendable, *, actor: Actor, reason: str, mode: str) -> None:
    """Note on a row who suspends it and why, without saving it; to do it again changes reason and mode alone."""
    reason = printable_name(reason.strip(), field="reason")
    if not reason:
        raise Problem("suspension.no_reason", field="reason")
    if mode and mode not in SuspensionMode.values:
        raise Problem("suspension.invalid_mode", field="mode", mode=mode[:32], known=", ".join(SuspensionMode.values))
    row.suspended_at = row.suspended_at or timezone.now()
    row.suspended_by = actor.name
    row.suspension_reason = reason[:500]
    row.suspension_mode = mode


def mark_resumed(row: Suspendable) -> None:
    row.suspended_at = None
    row.suspended_by = row.suspension_reason = row.suspension_mode = ""


def _picture(row: Suspendable, *more: str) -> dict[str, Any]:
    values = snapshot(row)
    return {name: values[name] for name in (*more, *FACTS)}


def _written(actor: Actor, row: AcceptedDomain, action: str, before: dict[str, Any]) -> None:
    audit(actor=actor, tenant=row.tenant_id, action=action, obj=row, before=before, after=_picture(row))
    configuration_changed(row.tenant_id)
    wake_on_commit(RELEASE_TASK)


def _user_written(actor: Actor, user: User, action: str, before: dict[str, Any]) -> None:
    """Audit on the platform and in each organisation that the user belongs to: all of them are concerned."""
    after = _picture(user, "is_active")
    audit(actor=actor, tenant=None, action=action, obj=user, before=before, after=after)
    concerned = set(Membership.objects.filter(user=user).values_list("tenant_id", flat=True))
    with_mailbox = set(Mailbox.objects.filter(user=user).values_list("tenant_id", flat=True))
    for tenant_id in sorted(concerned | with_mailbox):
        audit(actor=actor, tenant=tenant_id, action=action, obj=user, before=before, after=after)
    for tenant_id in sorted(with_mailbox):
        configuration_changed(tenant_id)
    wake_on_commit(RELEASE_TASK)
