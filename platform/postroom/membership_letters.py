"""Inviting somebody and handing a tenant over, each with the letters about it: what console and API both do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.actions.actor import Actor
from tenants.actions.invitations import Links, create_invitation, is_on_own_domain, renew_invitation
from tenants.actions.memberships import hand_over
from tenants.models import Invitation, Membership, Tenant, User
from transport.actions.notify import send_notice

# As a sentence has them; the choices of Membership are labels.
ROLE_WORDS: Final = {
    Membership.Role.OWNER: gettext_lazy("an owner"),
    Membership.Role.ADMIN: gettext_lazy("an administrator"),
    Membership.Role.HELPDESK: gettext_lazy("helpdesk"),
    Membership.Role.AUDITOR: gettext_lazy("an auditor"),
    Membership.Role.MAILBOX_USER: gettext_lazy("a mailbox user"),
}


@dataclass(frozen=True, slots=True)
class SentInvitation:
    """An invitation on its way, and the link that whoever invites may hand over too: shown this once."""

    invitation: Invitation
    link: str
    is_written: bool  # False where the address is on a domain of the tenant's own, and no mailbox has it


@transaction.atomic
def invite(
    *, actor: Actor, by_role: str, tenant: Tenant, email: str, role: str, invited_by: User | None = None
) -> SentInvitation:
    """Invite an address and write to it."""
    row, links = create_invitation(
        actor=actor, by_role=by_role, tenant=tenant, email=email, role=role, invited_by=invited_by
    )
    return _sent(row, links, tenant)


@transaction.atomic
def invite_again(*, actor: Actor, by_role: str, tenant: Tenant, invitation: Invitation) -> SentInvitation:
    """Write to an invited address once more, with a new link and the whole time."""
    return _sent(invitation, renew_invitation(actor=actor, by_role=by_role, invitation=invitation), tenant)


@transaction.atomic
def hand_over_and_tell(*, actor: Actor, tenant: Tenant, owner: User, to: Membership) -> None:
    """Hand a tenant over to a member and write to both."""
    hand_over(actor=actor, tenant=tenant, owner=owner, to=to)
    facts = {"tenant": tenant.name, "old": str(owner), "new": str(to.user), "url": settings.POSTROOM_PUBLIC_URL}
    for reader in (owner, to.user):
        with translation.override(reader.language):
            subject = _("{tenant}: {new} is the owner now").format(**facts)
            send_notice(recipient=reader.email, subject=subject, text=_hand_over_text().format(**facts))


def link_of(token: str) -> str:
    return f"{settings.POSTROOM_PUBLIC_URL}{reverse('console:invitation-open', args=[token])}"


def _sent(row: Invitation, links: Links, tenant: Tenant) -> SentInvitation:
    with translation.override(tenant.language):
        facts = {
            "tenant": tenant.name,
            "role": ROLE_WORDS[Membership.Role(row.role)],
            "who": _who(row.invited_by),
            "link": link_of(links.mailed),
            "until": date_format(timezone.localtime(row.expires_at), "DATE_FORMAT"),
        }
        subject = _("Invitation to {tenant}").format(**facts)
        message_id = send_notice(recipient=row.email, subject=subject, text=_invitation_text().format(**facts))
    # Of an address anywhere else the inviter is not told whether somebody on this platform has it.
    is_written = message_id is not None or not is_on_own_domain(row.tenant_id, row.email)
    return SentInvitation(row, link_of(links.shown), is_written)


def _who(user: User | None) -> str:
    if user is None:
        return _("An administrator")
    return f"{user.name} ({user.email})" if user.name else user.email


def _invitation_text() -> str:
    return _(
        "{who} invites you to work in “{tenant}” on this mail platform, as {role}.\n\n"
        "To join, open this link by {until}:\n\n{link}\n\n"
        "If you have no log-in here yet, you choose your password there. The link is for you alone and works once: "
        "please do not pass it on.\n\n"
        "If you did not expect this, do nothing. Without the link nobody joins in your name.\n"
    )


def _hand_over_text() -> str:
    return _(
        "{old} has handed “{tenant}” over to {new}.\n\n"
        "{new} is its owner from now on; {old} stays as an administrator. You can see it among the members: {url}\n\n"
        "If this is not what you want, write to the other one, or to the operator of this platform, soon.\n"
    )
