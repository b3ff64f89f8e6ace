"""Reasons from what a recipient's domain demands of the way to it: MTA-STS (RFC 8461)."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import CONTACT_PEER, RETRY_QUEUE, Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "sts.mx_mismatch",
        Side.PEER,
        _("The MTA-STS policy of {domain} names none of its mail hosts"),
        _(
            "The domain says over HTTPS which hosts take its mail, and DNS names others. Either somebody tampers with "
            "DNS, or the policy is out of date; so the mail waits. The domain's owner has to mend it."
        ),
        (CONTACT_PEER, RETRY_QUEUE),
    ),
    Reason(
        "sts.not_secure",
        Side.PEER,
        _("{domain} demands verified encryption, and {host} does not give it"),
        _(
            "The domain's MTA-STS policy is enforced: TLS with a valid certificate for the host's name. The peer's "
            "words say what is missing. Its owner has to mend the certificate or the policy; until then the mail waits."
        ),
        (CONTACT_PEER, RETRY_QUEUE),
    ),
    Reason(
        "sts.no_policy",
        Side.PEER,
        _("The MTA-STS policy of {domain} cannot be had"),
        _("DNS announces one, but {why}. Mail goes as if there were none, unless an earlier one still counts."),
        (CONTACT_PEER,),
    ),
    Reason(
        "sts.testing",
        Side.PEER,
        _("The MTA-STS policy of {domain} would refuse this if it were enforced"),
        _("It is in testing, so mail goes all the same: {host} is not named in it, or shows no valid certificate."),
        (CONTACT_PEER,),
    ),
)
