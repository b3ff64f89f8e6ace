"""The answer of the test of a client, and the settings of receive connectors, in the words of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from transport.actions.clients import ClientTest
from transport.models import ReceiveConnector
from transport.routing.reasons import Explanation, explain

VERDICTS: Final[dict[str, tuple[str, str | Promise]]] = {
    "relays": ("passed", _("may send to everybody")),
    "delivers": ("passed", _("may send to addresses here, and to nobody else")),
    "log_in": ("warning", _("has to log in first")),
    "refused": ("failed", _("is refused")),
}
TLS: Final[dict[str, str | Promise]] = {
    "implicit": _("from the first byte"),
    "required": _("has to be begun with STARTTLS"),
    "offered": _("offered with STARTTLS"),
    "none": _("not offered"),
}
RIGHTS: Final[dict[str, str | Promise]] = {
    "submit": _("hand mail in"),
    "accept_any_recipient": _("send to any recipient (relay)"),
    "accept_any_sender": _("use any sender"),
    "accept_authoritative_domain_sender": _("use senders of domains here without logging in"),
    "accept_authentication_flag": _("count as authenticated"),
    "accept_headers_routing": _("keep its Received headers"),
    "bypass_anti_spam": _("pass by the spam filter"),
    "bypass_message_size_limit": _("pass by an organisation's limit of size"),
}
MECHANISMS: Final[dict[str, str | Promise]] = {
    "tls": _("TLS (STARTTLS)"),
    "basic_auth": _("Log-in with a password"),
    "basic_auth_require_tls": _("Log-in with a password, after TLS"),
    "external_authoritative": _("Externally secured: trusts every client of the ranges"),
}
GROUPS: Final[dict[str, str | Promise]] = {
    "anonymous_users": _("Anonymous: everybody, to addresses here"),
    "exchange_users": _("Users: who logged in, to everybody"),
    "exchange_servers": _("Servers: externally secured clients, with all rights"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, ready for a page."""

    answer: ClientTest
    mood: str
    verdict: str | Promise
    tls: str | Promise
    rights: list[str | Promise]
    limits: list[tuple[str, Any]]
    steps: list[dict[str, Any]]
    explanation: Explanation | None


def told(answer: ClientTest) -> Told:
    """Return the answer in words."""
    mood, verdict = VERDICTS[answer.verdict]
    return Told(
        answer=answer,
        mood=mood,
        verdict=verdict,
        tls=TLS.get(answer.tls, ""),
        rights=[RIGHTS.get(right, right) for right in answer.rights],
        limits=[(_label(name), value) for name, value in answer.limits.items()],
        steps=answer.trace.to_json(gettext)["steps"],
        explanation=explain(answer.reason_code, translate=gettext, **answer.facts) if answer.reason_code else None,
    )


def _label(name: str) -> str:
    return capfirst(str(ReceiveConnector._meta.get_field(name).verbose_name))  # type: ignore[union-attr]


# What stands beside each field of a receive connector; the value that it has by itself is told, too.
HELP: Final[dict[str, str | Promise]] = {
    "bindings": _("One a line: smtp, submission or submissions for the platform's own ports, or address:port."),
    "remote_ranges": _(
        "One a line: an address, first-last, or a network. The most specific range wins; ranges that leave it open "
        "are refused."
    ),
    "senders": _("Of a relay permission, one a line: addresses, or domains. Empty: all of its tenant's domains."),
    "certificate_fingerprints": _(
        "Of a relay permission, one a line: SHA-256 of client certificates or of their public keys. Listeners on its "
        "bindings ask for a certificate then; nobody has to show one."
    ),
    "fqdn": _("The name in the greeting, in EHLO and in Received. Empty: the platform's own."),
    "banner": _("The greeting after 220. Empty: the name and “ESMTP Postroom ready”."),
    "auth_mechanisms": _("Log-in is possible only over TLS, whichever is chosen."),
    "permission_groups": _("Whom it serves. Each group has a fixed bundle of rights."),
    "permissions": _("Beyond those of the groups, for clients that did not log in."),
    "require_tls": _("No mail without STARTTLS. Off by default: much of the Internet sends without."),
    "implicit_tls": _("For the submissions port (465)."),
    "require_ehlo_domain": _("Refuse clients that greet with a bare name instead of a domain. Off by default."),
    "max_message_size": _("64 KB to 2 GB; by default 36 MB. An organisation's own limit counts, too."),
    "max_header_size": _("By default 128 KB."),
    "max_hop_count": _("Received headers; 1 to 500, by default 30. More of them are a loop."),
    "max_local_hop_count": _("Of these, our own; by default 8, at most 50. 0: no limit."),
    "max_recipients_per_message": _("By default 200."),
    "max_inbound_connections": _("Of each process; by default 5000."),
    "max_inbound_connections_per_source": _("By default 20. An IPv6 source is a /64."),
    "max_inbound_connections_percentage_per_source": _("By default 2. 100: no such limit."),
    "max_protocol_errors": _("By default 5, then the connection ends. 0: never."),
    "max_logon_failures": _("By default 3, then the connection ends. 0: never."),
    "message_rate_limit": _("Empty: no limit."),
    "message_rate_source": _("By whom messages are counted; without a log-in that is the address."),
    "connection_timeout": _("However busy it is; by default 10 minutes."),
    "connection_inactivity_timeout": _("Shorter than the one above; by default 5 minutes."),
    "tarpit_interval": _("How long strangers wait after mistakes; by default 5 seconds, 0: not at all."),
    "eight_bit_mime_enabled": _("Also SMTPUTF8, which needs it."),
    "chunking_enabled": _("BDAT."),
    "delivery_status_notification_enabled": _("Who sends may ask for receipts."),
    "pipelining_enabled": _("Several commands at once."),
    "enhanced_status_codes_enabled": _("Codes like 5.7.1 in each reply."),
    "size_enabled": _("Whether the limit of size is told."),
    "protocol_logging_level": _("Verbose: what both sides say, without log-ins and content, for seven days."),
}
