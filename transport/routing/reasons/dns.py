"""Reasons from looking up a next hop in DNS (RFC 5321 5.1, RFC 7505), in Exchange's words."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import EDIT_CONNECTOR, RETRY_QUEUE, Reason, Side
from transport.routing.wording import gettext_noop as _


def _failed(error: str) -> str:
    return f"DNS query failed. The error was: SMTPSEND.DNS.{error}"


REASONS: Final = (
    Reason(
        "dns.no_such_domain",
        Side.SENDER,
        _("The domain {domain} does not exist"),
        _(
            "Public DNS says that there is no {domain}, so there is nowhere to deliver to. Most likely the recipient's "
            "address is mistyped; the sender is told."
        ),
        reply=Reply(550, "5.1.2", _failed("NonExistentDomain; nonexistent domain")),
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
        reply=Reply(451, "4.4.0", _failed("ErrorTimeout; no name server answered in time")),
    ),
    Reason(
        "dns.servfail",
        Side.PEER,
        _("The name servers of {domain} fail"),
        _(
            "DNS answered that it cannot look up {domain} (SERVFAIL): often a broken DNSSEC signature or a name server "
            "that does not know the zone. We try again; the owner of {domain} has to mend it."
        ),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("ServerFailure; the name server reported a failure")),
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
        reply=Reply(451, "4.4.0", _failed("Refused; the name server refused the query")),
    ),
    Reason(
        "dns.bad_answer",
        Side.PEER,
        _("DNS gave a senseless answer for {domain}"),
        _("The answer for {domain} could not be read. We try again; its owner has to mend it."),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("InvalidData; the name server's answer was not usable")),
    ),
    Reason(
        "dns.cname_loop",
        Side.PEER,
        _("The aliases of {domain} lead nowhere"),
        _("The CNAME records of {domain} go in a circle or too far. We try again; the owner of {domain} must mend it."),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("InvalidData; the aliases of this name lead nowhere")),
    ),
    Reason(
        "dns.unreachable",
        Side.OURS,
        _("No name server can be reached"),
        _(
            "The network has no way to the configured name servers, so nothing can be looked up. We try again; the "
            "operator should check the network and which name servers are set."
        ),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("ErrorRetry; no name server could be reached")),
    ),
    Reason(
        "dns.failed",
        Side.NETWORK,
        _("{domain} could not be looked up"),
        _("DNS left us without a server to deliver to. We try again by ourselves."),
        fixes=(RETRY_QUEUE,),
        reply=Reply(451, "4.4.0", _failed("ErrorRetry; look-up failed")),
    ),
    Reason(
        "dns.invalid_name",
        Side.SENDER,
        _("{domain} cannot be a domain"),
        _("The name breaks the rules of DNS, so nothing can be there. The sender should check the address."),
        reply=Reply(550, "5.1.2", _failed("InvalidData; not a valid domain name")),
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
        reply=Reply(550, "5.4.4", _failed("NoRecords; the domain has no mail host")),
    ),
    Reason(
        "dns.loops_to_us",
        Side.TENANT,
        _("The MX of {domain} leads back here"),
        _(
            "The mail servers of {domain} are this server, yet {domain} is not an accepted domain here or is relayed: "
            "delivering would loop. Accept and verify {domain}, or give it a connector with the right smart host."
        ),
        fixes=(EDIT_CONNECTOR,),
        reply=Reply(554, "5.4.6", _failed("MxLoopback; DNS records lead back to this system")),
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
