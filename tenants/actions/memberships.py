"""The members of a tenant: their roles, their going, and the hand-over of the tenant itself."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.actions.invitations import revoke_invitations_beyond
from tenants.actions.members import take_log_in_away
from tenants.actions.tenants import set_membership
from tenants.models import Mailbox, Membership, Tenant, User
from tenants.permissions import Permission, may, may_grant
from tenants.problems import Problem


@transaction.atomic
def change_role(*, actor: Actor, by_role: str, membership: Membership, role: str) -> Membership:
    """Give a member another role. `by_role` is what the one who does it may do here."""
    if role not in Membership.Role.values:
        raise Problem("member.invalid_role", field="role", known=", ".join(Membership.Role.values))
    _check_may(by_role, membership.role, role)
    if role == membership.role:
        return membership
    if role == Membership.Role.MAILBOX_USER and not _mailboxes_of(membership).exists():
        raise Problem("member.no_mailbox", field="role", email=membership.user.email)
    changed = set_membership(actor=actor, tenant=membership.tenant, user=membership.user, role=role)
    assert changed is not None, "a role was given"
    revoke_invitations_beyond(actor=actor, tenant_id=membership.tenant_id, user=membership.user, role=role)
    return changed


@transaction.atomic
def remove_member(*, actor: Actor, by_role: str, membership: Membership) -> None:
    """End a membership. The letters of the member's mailboxes stay; nobody reads them until somebody is chosen."""
    _check_may(by_role, membership.role)
    _end(actor, membership)


@transaction.atomic
def leave_tenant(*, actor: Actor, membership: Membership) -> None:
    """End one's own membership, whatever the role; the last owner hands over first."""
    _end(actor, membership)


@transaction.atomic
def hand_over(*, actor: Actor, tenant: Tenant, owner: User, to: Membership) -> None:
    """Make a member the owner in the place of `owner`, who becomes an administrator. The face has asked who it is."""
    mine = Membership.objects.filter(tenant=tenant, user=owner, role=Membership.Role.OWNER).first()
    if mine is None:
        raise Problem("member.owners_only", field="member")
    if to.user_id == owner.pk or to.role == Membership.Role.OWNER or not _may_act(to):
        raise Problem("member.not_an_heir", field="member", email=to.user.email)
    set_membership(actor=actor, tenant=tenant, user=to.user, role=Membership.Role.OWNER)
    change_role(actor=actor, by_role=Membership.Role.OWNER, membership=mine, role=Membership.Role.ADMIN)
    before, after = {"owner": owner.email}, {"owner": to.user.email}
    audit(actor=actor, tenant=tenant, action="tenant.hand_over", obj=tenant, before=before, after=after)


def _end(actor: Actor, membership: Membership) -> None:
    tenant, user = membership.tenant, membership.user
    set_membership(actor=actor, tenant=tenant, user=user, role=None)
    for mailbox in _mailboxes_of(membership):
        take_log_in_away(actor=actor, mailbox=mailbox)
    revoke_invitations_beyond(actor=actor, tenant_id=tenant.pk, user=user, role=None)


def _may_act(membership: Membership) -> bool:
    return membership.user.is_active and not membership.is_suspended


def _mailboxes_of(membership: Membership) -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(tenant_id=membership.tenant_id, user=membership.user_id).select_related("user")


def _check_may(by_role: str, *roles: str) -> None:
    """Refuse what touches a role that the doer could not give."""
    if not may(by_role, Permission.MANAGE_MEMBERS):
        raise Problem("member.not_yours", field="role")
    if not all(may_grant(by_role, role) for role in roles):
        raise Problem("member.owners_only", field="role")
