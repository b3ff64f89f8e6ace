"""Reasons why the console, the API or a command refuses a change or a request; none of them shows in SMTP."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import ADD_DOMAIN, EDIT_DNS, VERIFY_DOMAIN, Fix, Reason, Side
from transport.routing.wording import gettext_noop as _


def _invalid(code: str, title: str, explanation: str, *fixes: Fix) -> Reason:
    return Reason(code, Side.TENANT, title, explanation, fixes)


DOMAINS: Final = (
    _invalid(
        "domain.invalid",
        _("Not a domain name"),
        _("“{domain}” is not a valid domain name: {problem} Write it like contoso.com, without a host or a scheme."),
    ),
    _invalid(
        "domain.taken",
        _("The domain is in use elsewhere"),
        _(
            "{domain} is already verified by another organisation on this platform, and a domain has one owner. If it "
            "is yours, ask the operator; whoever controls its DNS can prove it."
        ),
    ),
    _invalid(
        "domain.duplicate", _("The domain is there already"), _("{domain} is already an accepted domain of yours.")
    ),
    _invalid(
        "domain.name_taken",
        _("The name is in use"),
        _("Another accepted domain has the name “{name}”. Choose another."),
    ),
    _invalid(
        "domain.immutable",
        _("A domain's name cannot be changed"),
        _("Addresses and routes hang on it. Add the new domain, move the addresses, then remove the old one."),
    ),
    _invalid(
        "domain.not_verified",
        _("{domain} is not verified"),
        _(
            "We have not seen the proof that it is yours, so mail from outside is not taken for it and it cannot be a "
            "reply address on the Internet. Publish the TXT record and verify it."
        ),
        VERIFY_DOMAIN,
    ),
    _invalid(
        "domain.verification_missing",
        _("The proof was not found in DNS"),
        _(
            "The TXT record {record_name} with the value {record_value} was not seen. If you just published it, wait a "
            "few minutes and verify again."
        ),
        EDIT_DNS,
    ),
    _invalid(
        "domain.verification_unavailable",
        _("DNS could not be asked"),
        _("The look-up of {record_name} failed, which says nothing about your record. Try again in a minute."),
        VERIFY_DOMAIN,
    ),
    _invalid(
        "domain.in_use",
        _("The domain is in use"),
        _("{count} addresses are on {domain}. Move or remove them first, or their owners would stop getting mail."),
    ),
    _invalid(
        "domain.is_default",
        _("The default domain cannot be removed"),
        _("Exactly one accepted domain is the default. Make another one the default first."),
    ),
    _invalid(
        "domain.not_accepted",
        _("{domain} is not an accepted domain"),
        _("Addresses can only be on accepted domains. Add {domain} first."),
        ADD_DOMAIN,
    ),
    _invalid(
        "domain.external_relay",
        _("{domain} holds no mailboxes"),
        _("An external relay domain has all its mailboxes elsewhere. Change its type, or use another domain."),
    ),
)

MAILBOXES: Final = (
    _invalid("address.invalid", _("Not an address"), _("“{address}” is not a valid address: {problem}")),
    _invalid(
        "address.taken",
        _("The address is in use"),
        _("{address} already belongs to another mailbox. An address leads to one mailbox only."),
    ),
    _invalid(
        "address.reserved",
        _("The address is reserved"),
        _("postmaster and abuse answer for every domain and lead to the designated mailbox."),
    ),
    _invalid(
        "mailbox.no_primary",
        _("The mailbox has no reply address"),
        _("Exactly one address of a mailbox is its reply address; mark one."),
    ),
    _invalid(
        "mailbox.several_primaries",
        _("More than one reply address"),
        _("Exactly one address of a mailbox is its reply address; mark only one."),
    ),
    _invalid(
        "mailbox.no_address", _("The mailbox has no address"), _("A mailbox without an address could get no mail.")
    ),
    _invalid("mailbox.invalid_quota", _("The quota is out of range"), _("{quota} is not a possible quota: {problem}")),
    _invalid(
        "password.too_weak",
        _("The password is too easy to guess"),
        _("It protects a mailbox that the whole Internet may try: {problem}"),
    ),
    _invalid("user.email_taken", _("The log-in is in use"), _("Another user logs in with {email}.")),
    _invalid(
        "user.last_owner",
        _("The last owner cannot go"),
        _("An organisation needs an owner. Make somebody else an owner first."),
    ),
)

CONNECTORS: Final = (
    _invalid(
        "connector.invalid_space",
        _("Not an address space"),
        _(
            "“{pattern}” cannot be an address space: {problem} Write * for all domains, contoso.com for that domain "
            "only, or *.contoso.com for it and all its subdomains."
        ),
    ),
    _invalid(
        "connector.duplicate_space",
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
        _("“{host}” is neither a host name nor an IP address that mail may go to: {problem}"),
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
        "connector.auth_needs_credentials",
        _("User name or password is missing"),
        _("Basic authentication needs both. Fill them in, or choose no authentication."),
    ),
    _invalid(
        "connector.auth_needs_tls",
        _("The password would be sent unencrypted"),
        _("This kind of authentication needs TLS. Set TLS to required, or choose another kind."),
    ),
    _invalid(
        "connector.invalid_binding",
        _("Not a binding"),
        _("“{binding}” is not an address with a port, like 0.0.0.0:25 or [::]:25."),
    ),
    _invalid(
        "connector.invalid_range",
        _("Not an address range"),
        _("“{range}” is neither an address, nor first-last, nor a network like 192.0.2.0/24: {problem}"),
    ),
    _invalid(
        "connector.range_too_wide",
        _("The address range is too wide"),
        _("An organisation's range has at most a /24 (IPv4) or a /64 (IPv6), lest strangers relay in its name."),
    ),
    _invalid(
        "connector.overlap",
        _("Two receive connectors claim the same clients"),
        _(
            "“{first}” and “{second}” share the binding {binding}, and their ranges {first_range} and {second_range} "
            "overlap without one being more specific, so it is undecidable which takes a client. Change one of them."
        ),
    ),
    _invalid(
        "connector.not_approved",
        _("The address ranges await approval"),
        _("An operator approves the ranges from which an organisation's machines relay. Until then they do not count."),
    ),
    _invalid("connector.invalid_fqdn", _("Not a host name"), _("“{fqdn}” is not a valid host name: {problem}")),
    _invalid(
        "retry.invalid_schedule", _("Not a retry schedule"), _("The schedule “{schedule}” cannot be used: {problem}")
    ),
)

REQUESTS: Final = (
    _invalid("api.invalid", _("The request is not valid"), _("One or more fields cannot be accepted; see errors.")),
    _invalid("api.malformed", _("The request cannot be read"), _("The body is no valid JSON: {problem}")),
    _invalid("api.unauthenticated", _("No valid key"), _("Send a key: Authorization: Bearer <key>.")),
    _invalid("api.forbidden", _("The key does not allow this"), _("The key's scopes do not cover this request.")),
    _invalid("api.not_found", _("There is no such thing"), _("Nothing with this id exists in this organisation.")),
    _invalid(
        "api.method_not_allowed", _("The method is not allowed here"), _("{method} is not possible on this path.")
    ),
    _invalid("api.unsupported_media_type", _("The format is not supported"), _("Send application/json.")),
    _invalid("api.not_acceptable", _("The format cannot be given"), _("Only application/json is given out.")),
    _invalid("api.throttled", _("Too many requests"), _("Wait {wait} seconds and try again.")),
    _invalid(
        "api.tenant_required", _("Which organisation?"), _("An operator's key names one: X-Postroom-Tenant: <slug>.")
    ),
    _invalid("api.tenant_unknown", _("There is no such organisation"), _("No organisation has the short name {slug}.")),
    _invalid(
        "api.idempotency_conflict",
        _("The idempotency key was used for another request"),
        _("The same Idempotency-Key came with another body. Use a new key for a new request."),
    ),
    _invalid(
        "api.conflict", _("The thing has changed meanwhile"), _("Somebody else changed it. Read it again, then retry.")
    ),
    _invalid("api.required", _("The field is missing"), _("This field is required.")),
    _invalid("api.immutable", _("The field cannot be changed"), _("This field is set once, at creation.")),
    _invalid("tenant.slug_taken", _("The short name is in use"), _("Another organisation has the short name {slug}.")),
    _invalid("tenant.limit_reached", _("The plan's limit is reached"), _("The plan allows {limit} {things}.")),
    _invalid("message.invalid_header", _("A header field is not allowed"), _("The field {name} is refused: {problem}")),
    _invalid("message.no_recipients", _("The message has no recipients"), _("Name at least one in to, cc or bcc.")),
    _invalid(
        "queue.not_actionable",
        _("This cannot be done to the queue now"),
        _("The queue is {status}; {action} is not possible in this state."),
    ),
    _invalid(
        "message.in_transit",
        _("The message is on its way at this moment"),
        _("It is being delivered; what was asked takes effect only if the delivery fails."),
    ),
    Reason(
        "api.internal",
        Side.OURS,
        _("A fault of ours"),
        _("Something unforeseen happened. Nothing was changed; the log names the request {request_id}."),
    ),
)

REASONS: Final = DOMAINS + MAILBOXES + CONNECTORS + REQUESTS
