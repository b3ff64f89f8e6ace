"""Reasons that the validation of a send connector tells, beside those of a delivery."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import EDIT_CONNECTOR, ENABLE_CONNECTOR, Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "validate.too_often",
        Side.TENANT,
        _("Too many validations for now"),
        _("An organisation may validate {most} times in {minutes} minutes, lest it be used to probe other servers."),
    ),
    Reason(
        "validate.disabled",
        Side.TENANT,
        _("The connector is disabled"),
        _("It can be tried out, but no mail goes by it until it is enabled."),
        (ENABLE_CONNECTOR,),
    ),
    Reason(
        "validate.not_covered",
        Side.TENANT,
        _("This connector does not take mail for {domain}"),
        _("None of its address spaces covers {domain}. It is tried all the same."),
        (EDIT_CONNECTOR,),
    ),
    Reason(
        "validate.other_connector",
        Side.TENANT,
        _("Mail for {domain} goes by “{other}”"),
        _(
            "Both connectors cover {domain}, and “{other}” wins: by a more specific address space, the lower cost or "
            "the name. This one is tried all the same."
        ),
    ),
    Reason(
        "validate.tls_off",
        Side.TENANT,
        _("Nothing is encrypted"),
        _("The connector never uses TLS, so that everybody on the way can read its mail."),
        (EDIT_CONNECTOR,),
    ),
    Reason(
        "validate.tls_not_offered",
        Side.PEER,
        _("{host} offers no encryption"),
        _("The connector uses TLS where the peer offers it; this one does not, and mail goes in clear text."),
        (EDIT_CONNECTOR,),
    ),
    Reason(
        "validate.tls_failed",
        Side.PEER,
        _("Encryption with {host} failed"),
        _("The peer offers TLS, but it could not be set up. The connector does not insist: mail goes in clear text."),
        (EDIT_CONNECTOR,),
    ),
)
