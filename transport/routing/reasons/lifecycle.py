"""Reasons about suspending, deleting and exporting; none of them shows in SMTP."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import Reason, Side
from transport.routing.wording import gettext_noop as _


def _invalid(code: str, title: str, explanation: str) -> Reason:
    return Reason(code, Side.TENANT, title, explanation)


REASONS: Final = (
    _invalid(
        "suspension.no_reason",
        _("Say why"),
        _("A suspension needs a reason: those concerned read it, and so does whoever ends it."),
    ),
    _invalid(
        "suspension.invalid_mode", _("Not a way to refuse mail"), _("“{mode}” is not possible; write one of: {known}.")
    ),
    _invalid("suspension.none", _("It is not suspended"), _("{name} is not suspended, so there is nothing to resume.")),
    _invalid(
        "user.suspends_self",
        _("Nobody suspends themselves"),
        _("You would lock yourself out. Somebody else can do it."),
    ),
    _invalid(
        "domain.suspended",
        _("{domain} is suspended"),
        _("The operator suspended it: {why} It cannot be removed until the suspension ends."),
    ),
    _invalid(
        "api.tenant_suspended",
        _("{name} is suspended"),
        _("The operator suspended this organisation, and its keys with it. The reason given: {why}"),
    ),
    _invalid(
        "tenant.being_deleted",
        _("{name} is being deleted"),
        _("The deletion has begun and cannot be undone any more."),
    ),
    _invalid(
        "tenant.platform",
        _("{name} is the platform's own"),
        _("It carries the system's letters: invitations, notices, resets. It is neither suspended nor deleted."),
    ),
    _invalid(
        "tenant.deletion_asked",
        _("The deletion is planned already"),
        _("{name} is to be deleted on {due}. To change the day, keep the organisation first."),
    ),
    _invalid(
        "tenant.deletion_none", _("No deletion is planned"), _("{name} is not to be deleted, so it stays anyway.")
    ),
    _invalid(
        "tenant.wrong_name",
        _("That is not the name"),
        _("Type the organisation's short name, {slug}, to show that you mean this one."),
    ),
    _invalid(
        "tenant.deletion_by_operator",
        _("The operator planned this deletion"),
        _("{by} of the platform planned the deletion of {name}, so only an operator can undo it. Write to them."),
    ),
    _invalid(
        "tenant.invalid_notice_period",
        _("The day is out of range"),
        _("A deletion waits for 0 to {high} days; an owner's for at least {low}."),
    ),
    _invalid("export.gone", _("The organisation changed meanwhile"), _("What was to be exported is no longer there.")),
)
