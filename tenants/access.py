"""Reads of things that a user names: fetched inside the tenant, 404 for strangers.

Call these inside a `scope`: they filter by tenant, and row-level security does so once more.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import Http404

from tenants.models import (
    AcceptedDomain,
    ApiKey,
    AppPassword,
    AuditEvent,
    EmailAddress,
    Invitation,
    Mailbox,
    Membership,
    User,
)
from tenants.names import local_key, split_mailbox_address
from tenants.permissions import label_of
from tenants.problems import Problem

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class MembershipEntry:
    """What a user may do in one tenant, as the user sees it in the list of tenants to enter."""

    tenant_id: UUID
    slug: str
    name: str
    role: str
    deletion_due_at: datetime | None = None
    deletion_by_operator: bool = False

    @property
    def role_label(self) -> str:
        return label_of(self.role)


@dataclass(frozen=True, slots=True)
class InvitationEntry:
    """What an invitation's link tells whoever holds it. `is_mailed`: it is the one that went to the address itself."""

    tenant_id: UUID
    tenant_name: str
    is_tenant_active: bool
    email: str
    role: str
    state: str
    is_mailed: bool

    @property
    def role_label(self) -> str:
        return str(Membership.Role(self.role).label)


@dataclass(frozen=True, slots=True)
class SuspensionEntry:
    """Why a user cannot enter a tenant that they belong to: all of it is suspended, or their membership alone."""

    tenant_id: UUID
    name: str
    role: str
    of_whole: bool
    at: datetime | None
    by: str
    reason: str
    deletion_started_at: datetime | None

    @property
    def is_being_deleted(self) -> bool:
        return self.deletion_started_at is not None


@dataclass(frozen=True, slots=True)
class KeySuspension:
    """The suspended tenant that a key, otherwise a good one, is of."""

    name: str
    at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class KeyEntry:
    key_id: UUID
    tenant_id: UUID | None
    is_operator: bool
    name: str
    role: str  # what it may do, as a member's role; an operator's key may all


def memberships_of(user: User) -> list[MembershipEntry]:
    """Return the active tenants that a user belongs to, by name. Needs no scope: it decides on one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM memberships_of(%s)", [user.pk])
        return [MembershipEntry(*row) for row in cursor.fetchall()]


def suspensions_of(user: User) -> list[SuspensionEntry]:
    """Return the tenants that a user belongs to and cannot enter now, by name. Needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM suspensions_of(%s)", [user.pk])
        return [SuspensionEntry(*row) for row in cursor.fetchall()]


def suspension_of_key(token: str) -> KeySuspension | None:
    """Return why a key that `find_api_key` does not know is refused, where its tenant is suspended. Needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, at, reason FROM suspension_of_key(%s)", [token_digest(token)])
        row = cursor.fetchone()
    return KeySuspension(*row) if row else None


def belongs_elsewhere(user: User, tenant_id: UUID) -> bool:
    """Return whether a user is an operator or a member of any other tenant, which a scope does not show."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT belongs_elsewhere(%s, %s)", [user.pk, tenant_id])
        return bool(cursor.fetchone()[0])


def members_with_second_factor() -> set[UUID]:
    """Return the ids of the users among the scope's members who have a second factor; of nobody else is it told."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT members_with_second_factor()")
        return {row[0] for row in cursor.fetchall()}


def find_api_key(token: str) -> KeyEntry | None:
    """Return whose key a bearer token is, or None for a revoked or unknown one. Needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, tenant_id, is_operator, name, role FROM use_api_key(%s)", [token_digest(token)])
        row = cursor.fetchone()
    return KeyEntry(*row) if row else None


def find_invitation(token: str) -> InvitationEntry | None:
    """Return the invitation that a link is about, in whatever state, or None. Needs no scope: it leads into one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, tenant_name, is_tenant_active, email, role, state, is_mailed FROM invitation_of(%s)",
            [token_digest(token)],
        )
        row = cursor.fetchone()
    return InvitationEntry(*row) if row else None


def token_digest(token: str) -> bytes:
    """Return what we keep of a bearer token. It holds 256 random bits, so a plain digest suffices."""
    return hashlib.sha256(token.encode()).digest()


def one(rows: QuerySet[Row], pk: str | UUID) -> Row:
    """Return the row with this id, or raise Http404: also for an id that is no UUID at all."""
    try:
        return rows.get(pk=UUID(str(pk)))
    except (ValueError, ObjectDoesNotExist):
        raise Http404 from None


def accepted_domains(tenant_id: UUID) -> QuerySet[AcceptedDomain]:
    return AcceptedDomain.objects.filter(tenant_id=tenant_id)


def mailboxes(tenant_id: UUID) -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(tenant_id=tenant_id).prefetch_related("addresses")


def mailboxes_of(tenant_id: UUID, user: User) -> QuerySet[Mailbox]:
    """Return the mailboxes whose letters this user may read: their own."""
    return mailboxes(tenant_id).filter(user=user)


def sender_addresses(mailbox: Mailbox) -> list[str]:
    """Return what the log-in of a mailbox may send as: its own addresses, then those that it was granted."""
    granted = EmailAddress.objects.filter(
        tenant_id=mailbox.tenant_id, mailbox__send_as_grants__grantee=mailbox, mailbox__enabled=True
    ).order_by("domain", "local_key")
    return [str(address) for address in mailbox.addresses.all()] + [str(address) for address in granted]


def mailbox_of_address(tenant_id: UUID, address: str) -> Mailbox | None:
    """Return the mailbox of the tenant that has this address, primary or not; None where there is none."""
    try:
        local, domain = split_mailbox_address(address)
    except Problem:
        return None
    rows = EmailAddress.objects.filter(tenant_id=tenant_id, domain=domain, local_key=local_key(local))
    found = rows.select_related("mailbox").first()
    return found.mailbox if found else None


def members(tenant_id: UUID) -> QuerySet[Membership]:
    return Membership.objects.filter(tenant_id=tenant_id).select_related("user")


def invitations(tenant_id: UUID) -> QuerySet[Invitation]:
    """Return the invitations that nobody accepted or revoked, those whose time is over among them."""
    rows = Invitation.objects.filter(tenant_id=tenant_id, accepted_at=None, revoked_at=None)
    return rows.select_related("invited_by")


def app_passwords(mailbox: Mailbox) -> QuerySet[AppPassword]:
    """Return the app passwords of a mailbox that still let somebody in, newest first."""
    return AppPassword.objects.filter(tenant_id=mailbox.tenant_id, mailbox=mailbox, revoked_at=None)


def verifier_beside(mailbox: Mailbox | None) -> str:
    """Return a verifier of the mailbox, with which a new one shares its salt; empty where there is none yet."""
    if mailbox is None:
        return ""
    return mailbox.verifier or app_passwords(mailbox).values_list("verifier", flat=True).first() or ""


def api_keys(tenant_id: UUID) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(tenant_id=tenant_id)


def live_keys_of(tenant_id: UUID, user: User) -> int:
    """Return how many keys that somebody made, and so may know, still work."""
    return api_keys(tenant_id).filter(created_by=user, revoked_at=None).count()


def audit_events(tenant_id: UUID) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(tenant_id=tenant_id)
