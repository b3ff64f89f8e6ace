"""Reasons why a send or receive connector cannot be set up so; none of them shows in SMTP."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import Reason, Side
from transport.routing.wording import gettext_noop as _


def _invalid(code: str, title: str, explanation: str) -> Reason:
    return Reason(code, Side.TENANT, title, explanation)


REASONS: Final = (
    _invalid(
        "connector.invalid_space",
        _("Not an address space"),
        _(
            "“{pattern}” cannot be an address space. {why} Write * for all domains, contoso.com for that domain "
            "only, or *.contoso.com for it and all its subdomains."
        ),
    ),
    _invalid(
        "connector.space_twice",
        _("The address space is there twice"),
        _("The connector already has the address space {pattern}."),
    ),
    _invalid(
        "connector.no_space",
        _("The connector has no address space"),
        _("Without an address space a connector is never chosen. Add * for all domains."),
    ),
    _invalid(
        "connector.invalid_cost",
        _("The cost is out of range"),
        _("The cost is a whole number from 1 to 100, and the lower one wins among equally specific address spaces."),
    ),
    _invalid(
        "connector.name_taken", _("The name is in use"), _("Another connector has the name “{name}”. Choose another.")
    ),
    _invalid(
        "connector.no_smart_host",
        _("The connector has no smart host"),
        _("Delivery by smart hosts needs at least one. Add one, or switch to MX."),
    ),
    _invalid(
        "connector.invalid_smart_host",
        _("Not a smart host"),
        _("“{host}” is neither a host name nor an IP address that mail may go to. {why}"),
    ),
    _invalid(
        "connector.forbidden_address",
        _("The smart host's address is not allowed"),
        _("{host} is a loopback, private or reserved address. Name a public server, or ask the operator to allow it."),
    ),
    _invalid(
        "connector.loop",
        _("The smart host is this server"),
        _("{host} leads back here, so mail would go round in a circle. Name the server that takes the mail."),
    ),
    _invalid(
        "connector.no_user_name",
        _("The user name is missing"),
        _("Basic authentication needs one. Fill it in, or choose no authentication."),
    ),
    _invalid(
        "connector.no_password",
        _("The password is missing"),
        _("Basic authentication needs one. Fill it in, or choose no authentication."),
    ),
    _invalid("connector.no_name", _("The connector has no name"), _("Give it a name: queues and logs show it.")),
    _invalid("connector.invalid_port", _("Not a port"), _("{port} is not a port; ports go from 1 to 65535.")),
    _invalid("connector.out_of_range", _("Out of range"), _("{value} is not possible; it goes from {low} to {high}.")),
    _invalid(
        "receive_connector.invalid_banner",
        _("Not a banner"),
        _("A banner is one line of printable ASCII characters."),
    ),
    _invalid("connector.invalid_choice", _("Not a choice here"), _("“{value}” is none of the possible values.")),
    _invalid(
        "receive_connector.no_range",
        _("The connector has no binding or no range"),
        _("A receive connector needs a binding to listen on and a range of clients to serve."),
    ),
    _invalid(
        "receive_connector.timeouts",
        _("The time-outs contradict each other"),
        _("The time for a whole connection must be longer than the time that it may be idle."),
    ),
    _invalid(
        "connector.auth_needs_tls",
        _("The password would be sent unencrypted"),
        _("This kind of authentication needs TLS. Set TLS to required, or choose another kind."),
    ),
    _invalid(
        "receive_connector.invalid_binding",
        _("Not a binding"),
        _("“{binding}” is not an address with a port, like 0.0.0.0:25 or [::]:25."),
    ),
    _invalid(
        "receive_connector.invalid_range",
        _("Not an address range"),
        _("“{range}” is neither an address, nor first-last, nor a network like 192.0.2.0/24. {why}"),
    ),
    _invalid(
        "receive_connector.range_too_wide",
        _("The address range is too wide"),
        _("{range} is wider than {widest}, the most an organisation may have, lest strangers relay in its name."),
    ),
    _invalid(
        "receive_connector.overlap",
        _("Two receive connectors claim the same clients"),
        _(
            "“{first}” and “{second}” share the binding {binding}, and their ranges {first_range} and {second_range} "
            "overlap without one being more specific, so it is undecidable which takes a client. Change one of them."
        ),
    ),
    _invalid(
        "receive_connector.relay_overlap",
        _("Two relay permissions claim the same machines and senders"),
        _(
            "“{first}” and “{second}” both take {range} for the same senders, without one being more specific, so it "
            "is undecidable whose limits count. Change the addresses or the senders of one of them."
        ),
    ),
    _invalid(
        "receive_connector.mechanism_needs",
        _("Authentication after TLS needs TLS"),
        _("A connector with “{what}” has to offer TLS, too."),
    ),
    _invalid(
        "receive_connector.mechanism_alone",
        _("Externally secured connections know no log-in"),
        _("“external_authoritative” trusts every client of the ranges; beside it only “tls” makes sense."),
    ),
    _invalid(
        "receive_connector.mechanism_needs_group",
        _("Externally secured connections need the group exchange_servers"),
        _("“external_authoritative” gives its clients the rights of “exchange_servers”. Choose that group, too."),
    ),
    _invalid(
        "receive_connector.listener_has_no_password",
        _("A listener has no password"),
        _("Only the relay permissions of organisations have a log-in of their own."),
    ),
    _invalid(
        "receive_connector.no_log_in_here",
        _("This listener offers no log-in"),
        _("Clients that log in use a listener with authentication and the group exchange_users."),
    ),
    _invalid(
        "receive_connector.invalid_sender",
        _("Neither an address nor a domain"),
        _("“{sender}” cannot be a sender. Write an address, or a domain for all addresses on it."),
    ),
    _invalid(
        "receive_connector.too_many_senders",
        _("Too many senders"),
        _("A relay permission names at most {most} senders. A domain stands for all addresses on it."),
    ),
    _invalid(
        "receive_connector.invalid_fingerprint",
        _("Not a certificate's fingerprint"),
        _(
            "“{fingerprint}” names no certificate. Write the SHA-256 of the certificate or of its public key, 64 "
            "hexadecimal digits with or without colons, or paste the certificate itself (PEM)."
        ),
    ),
    _invalid(
        "receive_connector.too_many_certificates",
        _("Too many certificates"),
        _("A relay permission names at most {most} certificates."),
    ),
    _invalid(
        "receive_connector.not_approved",
        _("The address ranges await approval"),
        _("An operator approves the ranges from which an organisation's machines relay. Until then they do not count."),
    ),
    _invalid(
        "connector.no_tls_domain",
        _("The name in the certificate is missing"),
        _("{host} is an address, so it does not say which name the certificate has to hold. Fill the name in."),
    ),
    _invalid(
        "connector.lmtp_needs_smart_host",
        _("LMTP needs a smart host"),
        _("LMTP hands mail to one mail store; name it as a smart host. MX records lead to servers that speak SMTP."),
    ),
    _invalid(
        "connector.lmtp_port",
        _("LMTP is not spoken on port 25"),
        _("RFC 2033 forbids it. Give the port of the mail store, often 24."),
    ),
    _invalid(
        "connector.invalid_error_policy",
        _("Not an error policy"),
        _(
            "“{policy}” is none. Write a code, an enhanced code if it matters, and what it should mean, such as "
            "“550 5.7.1 transient” or “4xx 4.2.x permanent”; or “dns transient”."
        ),
    ),
    _invalid(
        "connector.too_many_error_policies",
        _("Too many error policies"),
        _("A connector has at most {most}. An x stands for any digit."),
    ),
    _invalid("connector.invalid_fqdn", _("Not a host name"), _("“{fqdn}” is not a valid host name. {why}")),
    _invalid("retry.invalid_schedule", _("Not a retry schedule"), _("The schedule “{schedule}” cannot be used. {why}")),
)
