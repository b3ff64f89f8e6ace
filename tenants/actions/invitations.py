"""Inviting somebody into a tenant by e-mail, and what becomes of the invitation."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants.access import invitations, token_digest
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.actions.tenants import check_password_strength, set_membership
from tenants.identifiers import first_uuid7_of
from tenants.models import AcceptedDomain, AuditEvent, Invitation, Membership, Tenant, User
from tenants.names import printable_name
from tenants.permissions import Permission, may, may_grant
from tenants.problems import Problem, constraint_problems

VALID_FOR = timedelta(days=7)
MOST_A_DAY = 100  # of one tenant: the platform's own sender is no means to write to strangers
PAUSE = timedelta(minutes=2)  # between two letters to one address
# A mailbox user is made with the mailbox's log-in: there is nothing to join without one.
ROLES = (Membership.Role.ADMIN, Membership.Role.HELPDESK, Membership.Role.AUDITOR, Membership.Role.OWNER)


@dataclass(frozen=True, slots=True)
class Links:
    """The secrets of an invitation, known at its making only: one for the letter, one for whoever invites."""

    mailed: str
    shown: str


@transaction.atomic
def create_invitation(
    *, actor: Actor, by_role: str, tenant: Tenant, email: str, role: str, invited_by: User | None = None
) -> tuple[Invitation, Links]:
    """Invite an address. `by_role` is what the inviter may do here: owners are made by owners alone."""
    email = _checked_address(email)
    _check_role(by_role, role)
    if Membership.objects.filter(tenant=tenant, user__email=email).exists():
        raise Problem("member.exists", field="email", email=email)
    _check_letters_left(tenant.pk)
    for old in invitations(tenant.pk).filter(email=email, expires_at__lte=timezone.now()):
        revoke_invitation(actor=actor, by_role=by_role, invitation=old)
    links = _new_links()
    fields = {"email": email, "role": role, "invited_by": invited_by, "expires_at": timezone.now() + VALID_FOR}
    with constraint_problems(
        {"one_open_invitation_per_address": Problem("invitation.exists", field="email", email=email)}
    ):
        row = Invitation.objects.create(tenant=tenant, **fields, **_digests(links))
    audit(actor=actor, tenant=tenant, action="invitation.create", obj=row, after={"email": email, "role": role})
    return row, links


@transaction.atomic
def renew_invitation(*, actor: Actor, by_role: str, invitation: Invitation) -> Links:
    """Give an invitation new links and its whole time again; the old links end."""
    _check_is_waiting(invitation)
    _check_role(by_role, invitation.role)
    if invitation.sent_at > timezone.now() - PAUSE:
        raise Problem("invitation.just_sent", email=invitation.email)
    _check_letters_left(invitation.tenant_id)
    links = _new_links()
    for name, digest in _digests(links).items():
        setattr(invitation, name, digest)
    invitation.sent_at = timezone.now()
    invitation.expires_at = timezone.now() + VALID_FOR
    invitation.save(update_fields=["mail_digest", "link_digest", "sent_at", "expires_at"])
    audit(actor=actor, tenant=invitation.tenant_id, action="invitation.resend", obj=invitation)
    return links


@transaction.atomic
def revoke_invitation(*, actor: Actor, by_role: str, invitation: Invitation) -> None:
    """End an invitation that nobody accepted."""
    _check_is_waiting(invitation)
    _check_role(by_role, invitation.role)
    _revoke(actor, invitation)


def revoke_invitations_beyond(*, actor: Actor, tenant_id: UUID, user: User, role: str | None) -> None:
    """End the open invitations that somebody made and, with the role left to them, could not make any more."""
    for row in Invitation.objects.filter(tenant_id=tenant_id, invited_by=user, accepted_at=None, revoked_at=None):
        if not may_grant(role, row.role):
            _revoke(actor, row)


@transaction.atomic
def accept_invitation(*, actor: Actor, token: str, user: User) -> Membership:
    """Make the signed-in user a member, in the scope of the invitation's tenant; the address must be theirs."""
    invitation = _open_invitation(token)
    if user.email != invitation.email:
        raise Problem("invitation.not_yours", email=invitation.email)
    return _join(actor, invitation, user)


@transaction.atomic
def join_as_new_user(*, actor: Actor, token: str, name: str, password: str) -> User:
    """Make a log-in for the invited address and the member of it.

    By the mailed link, or for an address on a domain that the tenant has proved to be its own: else whoever invites
    could take the log-in of a stranger's address first.
    """
    invitation = _open_invitation(token)
    is_mailed = bytes(invitation.mail_digest) == token_digest(token)
    if not is_mailed and not is_on_own_domain(invitation.tenant_id, invitation.email):
        raise Problem("invitation.needs_mail", email=invitation.email)
    name = printable_name(name)
    check_password_strength(password)
    email = invitation.email
    with constraint_problems({"tenants_user_email_key": Problem("user.email_taken", email=email)}):
        user = User.objects.create_user(email, password, name=name)
    joined = Actor.user(user, actor.client_address)
    audit(actor=joined, tenant=invitation.tenant_id, action="user.create", obj=user, after={"email": email})
    _join(joined, invitation, user)
    return user


def is_on_own_domain(tenant_id: UUID, email: str) -> bool:
    """Return whether an address is on a domain that the tenant has proved to be its own."""
    domain = email.rpartition("@")[2]
    return AcceptedDomain.objects.filter(tenant_id=tenant_id, domain=domain, verified_at__isnull=False).exists()


def _join(actor: Actor, invitation: Invitation, user: User) -> Membership:
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    audit(actor=actor, tenant=invitation.tenant_id, action="invitation.accept", obj=invitation)
    tenant = Tenant.objects.get(pk=invitation.tenant_id)
    known = Membership.objects.filter(tenant=tenant, user=user).first()
    # A role that was given meanwhile is the newer decision.
    row = known or set_membership(actor=actor, tenant=tenant, user=user, role=invitation.role)
    assert row is not None, "a role was given"
    return row


def _open_invitation(token: str) -> Invitation:
    """Return the invitation of a link, locked, or raise what is the matter with it."""
    digest = token_digest(token)
    rows = Invitation.objects.select_for_update().filter(Q(mail_digest=digest) | Q(link_digest=digest))
    row = rows.first()
    if row is None:
        raise Problem("invitation.unknown")
    if row.state != Invitation.State.OPEN:
        raise Problem(f"invitation.{row.state}")
    return row


def _check_letters_left(tenant_id: UUID) -> None:
    """Refuse a letter beyond the day's: first ones, and repeated ones, which the audit log has."""
    yesterday = timezone.now() - timedelta(days=1)
    first = Invitation.objects.filter(tenant_id=tenant_id, created_at__gt=yesterday).count()
    events = AuditEvent.objects.filter(tenant_id=tenant_id, noun="invitation", id__gte=first_uuid7_of(yesterday))
    if first + events.filter(action="invitation.resend").count() >= MOST_A_DAY:
        raise Problem("invitation.too_many", limit=MOST_A_DAY)


def _revoke(actor: Actor, invitation: Invitation) -> None:
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    before = {"email": invitation.email, "role": invitation.role}
    audit(actor=actor, tenant=invitation.tenant_id, action="invitation.revoke", obj=invitation, before=before)


def _check_is_waiting(invitation: Invitation) -> None:
    if invitation.accepted_at is not None:
        raise Problem("invitation.accepted")
    if invitation.revoked_at is not None:
        raise Problem("invitation.revoked")


def _check_role(by_role: str, role: str) -> None:
    if role not in ROLES:
        raise Problem("member.invalid_role", field="role", known=", ".join(ROLES))
    if not may_grant(by_role, role):
        raise Problem(
            "member.owners_only" if may(by_role, Permission.MANAGE_MEMBERS) else "member.not_yours", field="role"
        )


def _checked_address(text: str) -> str:
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Problem("address.invalid", field="email", address=email[:320], why=" ".join(error.messages)) from None
    return email


def _new_links() -> Links:
    return Links(mailed=f"i_{secrets.token_urlsafe(32)}", shown=f"i_{secrets.token_urlsafe(32)}")


def _digests(links: Links) -> dict[str, bytes]:
    return {"mail_digest": token_digest(links.mailed), "link_digest": token_digest(links.shown)}
