"""Planning and undoing the deletion of an organisation, each with letters to its owners: what all three faces do."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tenants.actions.actor import Actor
from tenants.actions.deletion import ask_deletion, keep_tenant
from tenants.models import Membership, Tenant
from transport.actions.notify import send_notice


@transaction.atomic
def ask_deletion_and_tell(*, actor: Actor, tenant: Tenant, confirm: str, days: int | None = None) -> Tenant:
    """Plan a deletion and write to every owner."""
    row = ask_deletion(actor=actor, tenant=tenant, confirm=confirm, days=days)
    _tell_owners(row, who=actor.name, is_planned=True)
    return row


@transaction.atomic
def keep_tenant_and_tell(*, actor: Actor, tenant: Tenant) -> Tenant:
    """Undo a planned deletion and write to every owner."""
    row = keep_tenant(actor=actor, tenant=tenant)
    _tell_owners(row, who=actor.name, is_planned=False)
    return row


def _tell_owners(tenant: Tenant, *, who: str, is_planned: bool) -> None:
    owners = Membership.objects.filter(tenant=tenant, role=Membership.Role.OWNER).select_related("user")
    for owner in owners:
        with translation.override(owner.user.language):
            due = timezone.localtime(tenant.deletion_due_at) if tenant.deletion_due_at else None
            facts = {
                "tenant": tenant.name,
                "who": who,
                "due": date_format(due, "DATETIME_FORMAT") + " UTC" if due else "",
                "url": settings.POSTROOM_PUBLIC_URL,
            }
            subject = _("{tenant} is to be deleted") if is_planned else _("{tenant} stays")
            text = _planned_text() if is_planned else _kept_text()
            send_notice(recipient=owner.user.email, subject=subject.format(**facts), text=text.format(**facts))


def _planned_text() -> str:
    return _(
        "{who} asked for the deletion of “{tenant}” on this mail platform. It will be carried out on {due}.\n\n"
        "Until then everything works as before, and the deletion can be undone. Then all of it is removed for good: "
        "mailboxes with their letters, waiting mail, domains, connectors, logs, keys and memberships.\n\n"
        "To keep the organisation, or to take your data with you first, sign in and open “Organisation”:\n\n{url}\n"
    )


def _kept_text() -> str:
    return _("{who} undid the planned deletion of “{tenant}” on this mail platform. Nothing changes.\n")
