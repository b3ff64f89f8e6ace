"""Reasons of the checks before mail flows: what a DNS record means, and why each item of the checklist matters."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import (
    ADD_DOMAIN,
    CREATE_CONNECTOR,
    EDIT_CONNECTOR,
    EDIT_DNS,
    SET_REPLY_ADDRESS,
    VERIFY_DOMAIN,
    Reason,
    Side,
)
from transport.routing.wording import gettext_noop as _


def _record(code: str, title: str, explanation: str) -> Reason:
    return Reason(f"checks.{code}", Side.TENANT, title, explanation)


RECORDS: Final = (
    _record("dns_not_looked", _("Not looked up yet"), _("Publish the record, then verify: we look it up at once.")),
    Reason(
        "checks.dns_unavailable",
        Side.NETWORK,
        _("DNS gave no answer"),
        _("The look-up of {name} failed, which says nothing about your record. Try again in a minute. {error}"),
    ),
    _record("proof_seen", _("The proof is there"), _("We saw the record: the domain is yours.")),
    _record(
        "proof_missing",
        _("The proof was not found"),
        _(
            "No such TXT record at {name} yet. Until it is seen, mail from outside is not taken for the "
            "domain. A record "
            "published just now may take minutes to show."
        ),
    ),
    _record(
        "proof_other",
        _("The proof is another one"),
        _("{name} holds a proof with another value, perhaps of an earlier attempt. Replace it by this one."),
    ),
    _record("mx_here", _("MX leads here"), _("The world brings the domain's mail to us.")),
    _record(
        "mx_missing",
        _("No MX record"),
        _("The world does not know where to bring mail for {name}. Publish this record and it comes here."),
    ),
    _record(
        "mx_implicit",
        _("No MX record, but an address"),
        _("Without MX, senders use the address of {name}, which is ours. It works; an MX record says it plainly."),
    ),
    _record(
        "mx_null",
        _("The domain says that it takes no mail"),
        _("{name} has a null MX (RFC 7505), so senders give up at once. Replace it by this record."),
    ),
    _record(
        "mx_elsewhere",
        _("MX leads elsewhere"),
        _("Mail for {name} is brought to {hosts}, not to us. Change the record when you want the mail here."),
    ),
    _record(
        "mx_partly",
        _("MX leads here and elsewhere"),
        _("A part of the mail for {name} may be brought to {others}, where it stays unless that host passes it on."),
    ),
    _record("spf_passes", _("SPF lets us send"), _("Evaluated for our address {address}: pass.")),
    _record(
        "spf_missing",
        _("No SPF record"),
        _("Receivers cannot tell our mail for {name} from a forger's, and some refuse it. Publish this record."),
    ),
    _record(
        "spf_refuses",
        _("SPF does not let us send"),
        _(
            "Evaluated for our address {address}, the record says “{result}”: receivers may refuse our mail. Add our "
            "host to the record you have; there may be only one."
        ),
    ),
    _record("spf_broken", _("The SPF record is broken"), _("Receivers read it as an error: {why}.")),
    _record(
        "spf_unsure",
        _("SPF depends on the message"),
        _("The record uses something that can only be decided for a real message: {why}."),
    ),
    _record("dmarc_seen", _("DMARC is published"), _("Receivers follow the policy “{policy}” and can report to you.")),
    _record(
        "dmarc_missing",
        _("No DMARC record"),
        _(
            "Advised, not needed: it asks receivers to report who sends in the name of the domain. p=none "
            "changes nothing."
        ),
    ),
    _record("dmarc_several", _("More than one DMARC record"), _("Receivers then ignore all of them. Leave one.")),
    _record(
        "dmarc_broken",
        _("The DMARC record is broken"),
        _("Its policy is “{policy}”; it must be none, quarantine or reject, or receivers ignore the record."),
    ),
)

CHECKLIST: Final = (
    Reason(
        "checks.accepted_domains",
        Side.TENANT,
        _("Your domains are accepted and verified"),
        _(
            "Mail from outside is taken only for verified accepted domains; for all others the sender is "
            "told “550 5.7.1 "
            "Unable to relay”."
        ),
        (VERIFY_DOMAIN,),
    ),
    Reason(
        "checks.mx",
        Side.TENANT,
        _("The world brings your mail here"),
        _("A domain's MX record says where its mail goes. Where it leads elsewhere, nothing arrives here."),
        (EDIT_DNS,),
    ),
    Reason(
        "checks.internet_route",
        Side.TENANT,
        _("Mail to the outside has a route"),
        _(
            "Without a send connector that covers an address, its mail waits in “Unreachable Domain” and "
            "expires there. "
            "A connector for * covers the whole Internet."
        ),
        (CREATE_CONNECTOR,),
    ),
    Reason(
        "checks.reply_addresses",
        Side.TENANT,
        _("Reply addresses work on the Internet"),
        _(
            "Receivers refuse a sender whose domain does not exist in DNS: “Sender address rejected: Domain "
            "not found”. "
            "Nobody could answer to it either, so we do not let such mail out."
        ),
        (SET_REPLY_ADDRESS,),
    ),
    Reason(
        "checks.sending_name",
        Side.TENANT,
        _("Our sending name stands up to scrutiny"),
        _(
            "Strict receivers compare the name we give in EHLO with DNS: it must resolve to our sending "
            "address, and that "
            "address's PTR record must lead back to it. Otherwise they answer “451 4.4.0” or refuse."
        ),
        (EDIT_CONNECTOR,),
    ),
    Reason(
        "checks.spf",
        Side.TENANT,
        _("SPF lets us send for your domains"),
        _(
            "SPF tells receivers which hosts may send for a domain. Where ours is not among them, mail is "
            "refused or spam."
        ),
        (EDIT_DNS,),
    ),
    Reason(
        "checks.refused_domains",
        Side.TENANT,
        _("Nobody is turned away at the door"),
        _(
            "A sender outside was told “550 5.7.1 Unable to relay”, because the domain is not a verified accepted "
            "domain. Where its MX leads here, somebody's mail is lost."
        ),
        (ADD_DOMAIN,),
    ),
)

REASONS: Final = RECORDS + CHECKLIST
