"""App passwords of a mailbox: made, shown once, revoked. What is kept is a SCRAM verifier."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from tenants.access import app_passwords
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import AppPassword, Mailbox, Membership, User
from tenants.names import printable_name
from tenants.permissions import Permission, covers, may
from tenants.problems import Problem, constraint_problems

MOST = 50  # of one mailbox at a time
KEPT = timedelta(days=90)  # a revoked one, which nobody needs after that: the audit log has its story


@transaction.atomic
def create_app_password(
    *,
    actor: Actor,
    mailbox: Mailbox,
    name: str,
    prefix: str,
    verifier: str,
    created_by: User | None = None,
    by_role: str | None = None,
) -> AppPassword:
    """Add an app password. `verifier` is a SCRAM verifier, never a password; `prefix` is how the password begins.

    `by_role` is its maker's, who knows it then: None where they make it of their own mailbox.
    """
    if by_role is not None:
        _check_may(by_role, mailbox)
    name = printable_name(name, field="name")
    if not name:
        raise Problem("app_password.no_name", field="name")
    if app_passwords(mailbox).count() >= MOST:
        raise Problem("app_password.too_many", limit=MOST, mailbox=mailbox.display_name)
    AppPassword.objects.filter(mailbox=mailbox, revoked_at__lt=timezone.now() - KEPT).delete()
    with constraint_problems({"app_password_log_in": Problem("api.conflict")}):
        row = AppPassword.objects.create(
            tenant_id=mailbox.tenant_id,
            mailbox=mailbox,
            name=name,
            prefix=prefix,
            verifier=verifier,
            created_by=created_by,
        )
    audit(actor=actor, tenant=mailbox.tenant_id, action="app_password.create", obj=row, after=_picture(row, mailbox))
    return row


@transaction.atomic
def revoke_app_password(*, actor: Actor, app_password: AppPassword) -> AppPassword:
    """End an app password: the next log-in with it is refused. A session that is open already goes on to its end."""
    if app_password.revoked_at is None:
        app_password.revoked_at = timezone.now()
        app_password.save(update_fields=["revoked_at"])
        before = _picture(app_password, app_password.mailbox)
        audit(actor=actor, tenant=app_password.tenant_id, action="app_password.revoke", obj=app_password, before=before)
    return app_password


def revoke_app_passwords_made_by(*, actor: Actor, mailbox: Mailbox, user: User) -> None:
    """End what somebody made who may not send from the mailbox any more."""
    for row in app_passwords(mailbox).filter(created_by=user).select_related("mailbox"):
        revoke_app_password(actor=actor, app_password=row)


def _check_may(by_role: str, mailbox: Mailbox) -> None:
    """Refuse whoever resets passwords and no more the mailbox of somebody with more rights, whose mail it opens."""
    roles = Membership.objects.filter(tenant_id=mailbox.tenant_id, user=mailbox.user_id).values_list("role", flat=True)
    if not may(by_role, Permission.CONFIGURE) and not all(covers(by_role, role) for role in roles):
        raise Problem("app_password.not_yours", mailbox=mailbox.display_name)


def _picture(row: AppPassword, mailbox: Mailbox) -> dict[str, str]:
    return {"name": row.name, "prefix": row.prefix, "mailbox": mailbox.display_name}
