"""Reasons why somebody is not invited, does not join, or keeps their role; none of them shows in SMTP."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import Reason, Side
from transport.routing.wording import gettext_noop as _


def _refused(code: str, title: str, explanation: str) -> Reason:
    return Reason(code, Side.TENANT, title, explanation)


REASONS: Final = (
    _refused("member.invalid_role", _("Not a role"), _("The roles are {known}.")),
    _refused(
        "member.exists",
        _("Somebody of this organisation already"),
        _("{email} belongs to this organisation already. Change the role among the members instead."),
    ),
    _refused(
        "member.owners_only",
        _("Owners are the owners' matter"),
        _("Only an owner makes somebody an owner, and only an owner changes or removes one."),
    ),
    _refused(
        "member.not_yours",
        _("Your role does not manage members"),
        _("An owner or an administrator can do this."),
    ),
    _refused(
        "member.no_mailbox",
        _("No mailbox to use"),
        _("A mailbox user reads their own mail and nothing else, and {email} has no mailbox here. Give one first."),
    ),
    _refused(
        "member.not_an_heir",
        _("Not somebody to hand over to"),
        _("{email} is an owner already, or may not sign in. Choose another member."),
    ),
    _refused(
        "member.wrong_password",
        _("That is not your password"),
        _("That is not the password that you sign in with. We ask so that nobody else does this at your desk."),
    ),
    _refused(
        "member.sign_in_again",
        _("Sign in again first"),
        _("It was a while ago that you signed in, and you have no password here. Sign out and in, then do it at once."),
    ),
    _refused("member.too_many_tries", _("Too many tries"), _("{why}")),
    _refused(
        "invitation.exists",
        _("Invited already"),
        _("{email} has an invitation that is open. Send it again, or revoke it first."),
    ),
    _refused(
        "invitation.too_many",
        _("Too many invitations in a day"),
        _("An organisation sends {limit} invitations a day at most. Try again tomorrow."),
    ),
    _refused(
        "invitation.just_sent",
        _("It was sent a moment ago"),
        _("The invitation of {email} is on its way. Wait two minutes before you send it again."),
    ),
    _refused(
        "invitation.unknown",
        _("This link leads nowhere"),
        _("The invitation does not exist, or was sent anew: then only the newest link counts. Ask for another."),
    ),
    _refused(
        "invitation.expired",
        _("The invitation has expired"),
        _("An invitation is good for seven days. Ask whoever invited you to send it again."),
    ),
    _refused(
        "invitation.accepted",
        _("The invitation was used"),
        _("Somebody accepted it already, and it works once. If that was you, sign in."),
    ),
    _refused(
        "invitation.revoked",
        _("The invitation was taken back"),
        _("Whoever invited you has revoked it. Ask them if you think that this is a mistake."),
    ),
    _refused(
        "invitation.not_yours",
        _("The invitation is for somebody else"),
        _("It is for {email}. Sign out, then open the link again."),
    ),
    _refused(
        "invitation.needs_mail",
        _("Use the link in the letter"),
        _(
            "A new log-in for {email} is made by the link that was mailed to that address, because it proves that the "
            "address is yours. This link was handed over in another way; it serves those who have a log-in already."
        ),
    ),
)
