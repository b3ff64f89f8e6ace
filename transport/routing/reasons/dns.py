"""Reasons from looking up a next hop in DNS (RFC 5321 5.1, RFC 7505), in Exchange's words."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import EDIT_CONNECTOR, RETRY_QUEUE, Reason, Side
from transport.routing.wording import gettext_noop as _


def _failed(error: str) -> str:
    return f"DNS query failed. The error was: {error}"


REASONS: Final = (
    Reason(
        "dns.nonexistent_domain",
        Side.SENDER,
        _("The domain {domain} does not exist"),
        _(
            "Public DNS says that there is no {domain}, so there is nowhere to deliver to. Most likely the recipient's "
            "address is mistyped; the sender is told."
        ),
        reply=Reply(550, "5.1.2", _failed("SMTPSEND.DNS.NonExistentDomain; nonexistent domain")),
    ),
    Reason(
        "dns.timeout",
        Side.NETWORK,
        _("DNS did not answer for {domain}"),
        _(
            "The query for {domain} got no answer in time. We try again by ourselves. If it concerns one domain, its "
            "name servers are down; if it concerns all, ours are not reachable: the operator should look at them."
        ),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("SMTPSEND.DNS.ErrorTimeout; timeout")),
    ),
    Reason(
        "dns.server_failure",
        Side.PEER,
        _("The name servers of {domain} fail"),
        _(
            "DNS answered that it cannot look up {domain} (SERVFAIL): often a broken DNSSEC signature or a name server "
            "that does not know the zone. We try again; the owner of {domain} has to mend it."
        ),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("SMTPSEND.DNS.ServerFailure; server failure")),
    ),
    Reason(
        "dns.refused",
        Side.OURS,
        _("The name server refuses to answer us"),
        _(
            "The configured name server refused the query for {domain} (REFUSED). It probably does not serve this "
            "machine; the operator should check which name servers are set."
        ),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("SMTPSEND.DNS.Refused; query refused")),
    ),
    Reason(
        "dns.malformed",
        Side.PEER,
        _("DNS gave a senseless answer for {domain}"),
        _("The answer for {domain} could not be read or chased its own aliases. We try again; its owner must act."),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("SMTPSEND.DNS.InvalidData; invalid data")),
    ),
    Reason(
        "dns.null_mx",
        Side.PEER,
        _("{domain} takes no mail"),
        _(
            "The owner of {domain} declares by a null MX record (RFC 7505) that it takes no mail at all. The sender is "
            "told; there is nothing to mend on this side."
        ),
        reply=Reply(556, "5.1.10", "Recipient domain has a null MX and accepts no mail"),
    ),
    Reason(
        "dns.no_mail_host",
        Side.PEER,
        _("{domain} has no mail server"),
        _(
            "{domain} exists, but it has neither MX nor address records, or its mail servers' names have no usable "
            "address. The owner of {domain} has to add them."
        ),
        reply=Reply(550, "5.4.4", _failed("SMTPSEND.DNS.NoMailHost; no mail host with a usable address")),
    ),
    Reason(
        "dns.loopback",
        Side.TENANT,
        _("The MX of {domain} leads back here"),
        _(
            "The mail servers of {domain} are this server, yet {domain} is not an accepted domain here or is relayed: "
            "delivering would loop. Accept and verify {domain}, or give it a connector with the right smart host."
        ),
        fixes=(EDIT_CONNECTOR,),
        reply=Reply(554, "5.4.6", "SMTPSEND.DNS.MxLoopback; DNS records for this domain point back to this server"),
    ),
    Reason(
        "dns.forbidden_address",
        Side.PEER,
        _("The mail server of {domain} has a private address"),
        _(
            "The records of {domain} lead to a loopback, private or reserved address, which we never connect to on a "
            "stranger's word. Its owner has to publish a public address; for a server of your own, the operator can "
            "allow its network."
        ),
        reply=Reply(550, "5.4.4", "Next hop has a private or reserved address"),
    ),
)
