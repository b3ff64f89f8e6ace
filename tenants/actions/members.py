"""The log-in that belongs to a mailbox: whoever has it reads and writes that mail in the console, and no more."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext

from tenants.access import belongs_elsewhere
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.actions.mailboxes import change_mailbox, release_log_in
from tenants.actions.second_factors import remove_second_factors
from tenants.actions.sessions import end_sessions
from tenants.actions.tenants import check_password_strength
from tenants.models import Mailbox, Membership, User
from tenants.problems import Problem, constraint_problems
from tenants.scope import operator_scope


@transaction.atomic
def give_log_in(*, actor: Actor, mailbox: Mailbox, password: str) -> User:
    """Make a log-in of a mailbox: its reply address, which may read and write its mail in the console.

    The address must be on a verified domain, or anybody could take the log-in of a stranger's address first. Somebody
    who has lost all memberships may come back by it, with the new password.
    """
    if mailbox.user_id:
        raise Problem("user.has_log_in", field="password", email=mailbox.user)
    email = _email_of(mailbox)
    check_password_strength(password)
    user = User.objects.filter(email=email).first()
    if user is None:
        with constraint_problems({"tenants_user_email_key": Problem("user.email_taken", email=email)}):
            user = User.objects.create_user(email, password, name=mailbox.display_name[:200])
    elif user.is_active and not _is_member(mailbox, user) and not belongs_elsewhere(user, mailbox.tenant_id):
        _take_over(actor, user, password)
    else:
        raise Problem("user.email_taken", email=email)
    Membership.objects.create(tenant_id=mailbox.tenant_id, user=user, role=Membership.Role.MAILBOX_USER)
    audit(actor=actor, tenant=mailbox.tenant_id, action="user.create", obj=user, after={"email": email})
    change_mailbox(actor=actor, mailbox=mailbox, user=user)
    return user


@transaction.atomic
def link_log_in(*, actor: Actor, mailbox: Mailbox, user: User) -> Mailbox:
    """Let a member, who has a log-in already, read and write the mail of a mailbox that is nobody's yet."""
    if mailbox.user_id:
        raise Problem("user.has_log_in", field="password", email=mailbox.user)
    if not _is_member(mailbox, user):
        raise Problem("user.not_a_member", email=user.email)
    return change_mailbox(actor=actor, mailbox=mailbox, user=user)


@transaction.atomic
def reset_log_in(*, actor: Actor, mailbox: Mailbox, password: str) -> User:
    """Set a new password of a mailbox user's log-in, which ends the sessions opened with the old one."""
    user = mailbox.user
    if user is None or not resettable(mailbox):
        raise Problem("user.not_resettable", email=user or "")
    check_password_strength(password)
    user.set_password(password)
    user.save(update_fields=["password"])
    audit(actor=actor, tenant=mailbox.tenant_id, action="user.change", obj=user, after={"password": "changed"})
    return user


@transaction.atomic
def take_log_in_away(*, actor: Actor, mailbox: Mailbox) -> Mailbox:
    """Leave a mailbox with its letters and without anybody who reads them."""
    release_log_in(actor=actor, mailbox=mailbox)
    return change_mailbox(actor=actor, mailbox=mailbox, user=None)


def _take_over(actor: Actor, user: User, password: str) -> None:
    """Give a log-in that belongs nowhere to whoever has its address now: nothing of before opens it, no passkey either.

    What guards a log-in is no tenant's to see, so that this steps out of the tenant's scope.
    """
    user.set_password(password)
    user.save(update_fields=["password"])
    with operator_scope():
        remove_second_factors(actor=actor, user=user)
        end_sessions(user=user)


def resettable(mailbox: Mailbox) -> bool:
    """Return whether the tenant may set the password: of those who are mailbox users here and nobody elsewhere.

    Anybody else may do more than read this mail, and an administrator would come by it.
    """
    user = mailbox.user
    return (
        user is not None
        and _is_member(mailbox, user, mailbox_users_only=True)
        and not belongs_elsewhere(user, mailbox.tenant_id)
    )


def _is_member(mailbox: Mailbox, user: User, *, mailbox_users_only: bool = False) -> bool:
    rows = Membership.objects.filter(tenant_id=mailbox.tenant_id, user=user)
    return rows.filter(role=Membership.Role.MAILBOX_USER).exists() if mailbox_users_only else rows.exists()


def _email_of(mailbox: Mailbox) -> str:
    address = mailbox.primary_address
    assert address is not None, "every mailbox has a reply address"
    if not address.accepted_domain.is_verified:
        raise Problem("domain.not_verified", domain=address.domain, domain_id=address.accepted_domain_id)
    email = str(address).lower()
    try:
        validate_email(email)
    except ValidationError:
        why = gettext("It gets mail, but nobody can sign in with it: browsers take plain addresses only.")
        raise Problem("address.invalid", address=email, why=why) from None
    return email
