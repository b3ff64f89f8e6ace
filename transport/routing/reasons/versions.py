"""Reasons why a version of the configuration cannot be compared or brought back; none of them shows in SMTP."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "version.of_removal",
        Side.TENANT,
        _("That version is the removal"),
        _("In version {number} the object was removed, so there is nothing to bring back. Choose an earlier one."),
    ),
    Reason(
        "version.nothing_to_revert",
        Side.TENANT,
        _("It is like that already"),
        _("The object has the settings of version {number} now. Nothing was changed."),
    ),
    Reason(
        "version.operators_settings",
        Side.TENANT,
        _("Only the operator sets what differs"),
        _("The object differs from version {number} only in what the operator sets. Ask the operator."),
    ),
    Reason(
        "version.unknown_kind",
        Side.OURS,
        _("This kind of object cannot be reverted"),
        _("Nothing here knows how to bring back an object of the kind “{kind}”."),
    ),
    Reason(
        "version.no_such_time",
        Side.TENANT,
        _("Not a point in time"),
        _("“{value}” is no time. Write it like 2026-01-31T12:00 or 2026-01-31T12:00:00Z."),
    ),
)
