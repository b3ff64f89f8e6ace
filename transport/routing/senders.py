"""The sender's side of a decision: who the client counts as, and whether it may use this sender (Exchange §4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from transport.message.address import Address, InvalidAddress, parse_path
from transport.routing.envelope import ANONYMOUS_RIGHTS, Client, Door, Envelope, Origin, Right
from transport.routing.lookup import Lookup
from transport.routing.refusals import refuse
from transport.routing.result import Refusal
from transport.routing.snapshot import DomainEntry, DomainType, TenantSnapshot
from transport.routing.trace import Considered, StepKind, Trace, Verdict
from transport.routing.wording import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Standing:
    """What the recipients' side needs to know of the sender.

    `hidden_domain` is the sender's accepted domain where the world cannot answer to it.
    """

    client: Client
    sender: str
    tenant: TenantSnapshot | None
    refusal: Refusal | None = None
    hidden_domain: DomainEntry | None = None
    is_settled: bool = False  # accepted before: what is suspended since is held where it is, and not given up


def judge_sender(envelope: Envelope, lookup: Lookup, trace: Trace) -> Standing:
    """Decide who the client counts as and whether it may send as this sender."""
    client = envelope.client
    _trace_client(client, trace)
    tenant = lookup.tenant(client.tenant_id) if client.tenant_id is not None else None
    if envelope.rerouting or client.origin is Origin.NOTICE:
        return Standing(client, envelope.sender, tenant, is_settled=envelope.rerouting)
    try:
        sender = parse_path(envelope.sender, smtputf8=True)
    except InvalidAddress as error:
        return _refused(envelope, Standing(client, "", tenant, refuse("sender.bad_address", why=error)), trace)
    if client.origin is Origin.RELAY and tenant is not None:
        client, tenant = _relay_standing(client, sender, tenant, lookup, trace)
    standing = _judged(envelope, client, sender, tenant, lookup)
    if standing.refusal is not None:
        return _refused(envelope, standing, trace)
    _trace_accepted(standing, trace)
    return standing


def expect_sender(envelope: Envelope, lookup: Lookup) -> None:
    """Ask at once for all that judging the sender may want, so that no round is spent on one address each."""
    client = envelope.client
    if envelope.rerouting or client.origin is Origin.NOTICE:
        return
    for text in (envelope.sender, *envelope.authors):
        try:
            address = parse_path(text, smtputf8=True)
        except InvalidAddress:
            continue
        if address is None:
            continue
        lookup.expect(_domain_of(address, lookup))
        if client.tenant_id is not None and client.mailbox_id is not None:
            lookup.expect_address(client.tenant_id, _key_of(address, lookup))


def _judged(
    envelope: Envelope, client: Client, sender: Address | None, tenant: TenantSnapshot | None, lookup: Lookup
) -> Standing:
    refusal = _client_refusal(client, tenant)
    if refusal is None and sender is not None:
        refusal = _sender_refusal(client, sender, tenant, lookup)
    if refusal is None and client.tenant_id is not None:
        refusal = _author_refusal(client, envelope.authors, tenant, lookup)
    if refusal is not None:
        return Standing(client, envelope.sender, tenant, refusal)
    hidden = None
    if sender is not None and tenant is not None and Right.ACCEPT_ANY_SENDER not in client.rights:
        hidden = _hidden_domain(sender, tenant, lookup)
    return Standing(client, envelope.sender, tenant, None, hidden)


def _relay_standing(
    client: Client, sender: Address | None, tenant: TenantSnapshot, lookup: Lookup, trace: Trace
) -> tuple[Client, TenantSnapshot | None]:
    """Let an address range speak for its tenant only under the tenant's verified name (design §12.14)."""
    if Right.ACCEPT_ANY_SENDER in client.rights:
        return client, tenant
    found = lookup.accepting(_domain_of(sender, lookup), tenant) if sender is not None else None
    if found is not None and found[0] is tenant and found[1].verified:
        return client, tenant
    stranger = Client(Origin.ANONYMOUS, None, None, client.connector, client.address, ANONYMOUS_RIGHTS, client.door)
    template = _("Counts as a stranger: {tenant} may relay only with a sender on one of its verified domains.")
    trace.add(StepKind.CLIENT, client.connector, Verdict.WARNING, template, {"tenant": tenant.slug}, part=tenant.id)
    return stranger, None


def _client_refusal(client: Client, tenant: TenantSnapshot | None) -> Refusal | None:
    if Right.SUBMIT not in client.rights:
        return refuse("auth.required", connector=client.connector)
    if client.tenant_id is not None and (tenant is None or not tenant.active):
        return refuse("tenant.suspended", tenant=tenant.slug if tenant is not None else "")
    return None


def _sender_refusal(client: Client, sender: Address, tenant: TenantSnapshot | None, lookup: Lookup) -> Refusal | None:
    if tenant is None:
        return _stranger_refusal(client, sender, lookup)
    return _own_refusal(client, sender, tenant, lookup, "sender.not_yours")


def _stranger_refusal(client: Client, sender: Address, lookup: Lookup) -> Refusal | None:
    """Keep a stranger without the rights from claiming to be one of ours; the Internet's group has them."""
    lacks = {Right.ACCEPT_ANY_SENDER, Right.ACCEPT_AUTHORITATIVE_DOMAIN_SENDER} - client.rights
    if not lacks:
        return None
    found = lookup.accepting(_domain_of(sender, lookup), None)
    if found is None:
        return None
    is_authoritative = found[1].type is DomainType.AUTHORITATIVE
    right = Right.ACCEPT_AUTHORITATIVE_DOMAIN_SENDER if is_authoritative else Right.ACCEPT_ANY_SENDER
    return refuse("sender.unauthenticated", sender=sender, connector=client.connector) if right in lacks else None


def _own_refusal(
    client: Client, sender: Address, tenant: TenantSnapshot, lookup: Lookup, reason_code: str
) -> Refusal | None:
    """Refuse a sender that is not this client's to use, with this code, or that is suspended.

    It is never one on another tenant's verified domain.
    """
    found = lookup.accepting(_domain_of(sender, lookup), tenant)
    is_free = Right.ACCEPT_ANY_SENDER in client.rights
    if (found is not None and found[0] is not tenant) or (found is None and not is_free):
        return _not_yours(reason_code, client, str(sender))
    if found is not None and found[1].suspended:
        return refuse("domain.sending_suspended", sender=sender, domain=found[1].name)
    if is_free or client.mailbox_id is None:
        return None
    resolved = lookup.address(tenant.id, _key_of(sender, lookup))
    is_mine = resolved is not None and resolved.mailbox_id == client.mailbox_id
    if resolved is None or not (is_mine or client.mailbox_id in resolved.send_as):
        return _not_yours(reason_code, client, str(sender))
    if not resolved.enabled:
        facts = {"mailbox": resolved.mailbox_name, "mailbox_id": resolved.mailbox_id}
        return refuse("mailbox.sending_disabled", sender=sender, **facts)
    return refuse("user.sending_suspended", sender=sender) if is_mine and not resolved.owner_active else None


def _author_refusal(
    client: Client, authors: tuple[str, ...], tenant: TenantSnapshot | None, lookup: Lookup
) -> Refusal | None:
    """Hold the header's authors (RFC 5322 3.6.2 From) to the same rule as the envelope's sender."""
    for text in authors:
        try:
            author = parse_path(text, smtputf8=True)
        except InvalidAddress:
            author = None
        if tenant is None:
            continue
        if author is None:
            return _not_yours("sender.author_not_yours", client, text)
        if (refusal := _own_refusal(client, author, tenant, lookup, "sender.author_not_yours")) is not None:
            return refusal
    return None


def _not_yours(reason_code: str, client: Client, sender: str) -> Refusal:
    return refuse(reason_code, sender=sender, mailbox_id=client.mailbox_id or "")


def _hidden_domain(sender: Address, tenant: TenantSnapshot, lookup: Lookup) -> DomainEntry | None:
    found = lookup.accepting(_domain_of(sender, lookup), tenant)
    return found[1] if found is not None and not found[1].is_public else None


def _domain_of(address: Address, lookup: Lookup) -> str:
    """Return the A-label domain; `postmaster` alone (RFC 5321 4.5.1) is at this server."""
    return address.domain_a if address.domain else lookup.snapshot.hostname


def _key_of(address: Address, lookup: Lookup) -> str:
    return address.key if address.domain else replace(address, domain=lookup.snapshot.hostname).key


def _refused(envelope: Envelope, standing: Standing, trace: Trace) -> Standing:
    refusal = standing.refusal
    assert refusal is not None
    facts = {"reply": refusal.reply, **refusal.facts}
    sender, part = envelope.sender or "<>", envelope.client.tenant_id
    template = _("Refused: {reply}")
    trace.add(StepKind.SENDER, sender, Verdict.REFUSED, template, facts, None, refusal.reason_code, part=part)
    return standing


def _trace_client(client: Client, trace: Trace) -> None:
    door = client.door
    listener = door.listener if door is not None else client.connector
    facts = {"origin": client.origin.value, "address": client.address or "", "connector": listener}
    if door is not None and door.is_told:
        template = _("Came in through the receive connector “{connector}” from {address}, a proxy says, as {origin}.")
    elif listener:
        template = _("Came in through the receive connector “{connector}” from {address}, as {origin}.")
    else:
        template = _("Handed in as {origin}.")
    considering = (lambda: door.considered) if door is not None and door.considered else None
    subject = listener or client.origin.value
    trace.add(StepKind.CLIENT, subject, Verdict.ACCEPTED, template, facts, considering, part=client.tenant_id)
    if door is not None and door.relays:
        _trace_relays(client, door, trace)


def _trace_relays(client: Client, door: Door, trace: Trace) -> None:
    """Tell each tenant, and nobody else, what became of its relay permissions that hold this client."""
    for tenant_id, considered in door.relays.items():
        facts = {"permission": client.connector, "address": client.address or ""}
        if client.origin is Origin.RELAY and client.tenant_id == tenant_id:
            subject, verdict = client.connector, Verdict.CHOSEN
            template = _("Relays by the permission “{permission}”.")
        else:
            subject, verdict = considered[0].name, Verdict.WARNING
            template = _("Counts as a stranger: no relay permission holds for this client and sender.")
        trace.add(StepKind.CLIENT, subject, verdict, template, facts, partial(_same, considered), part=tenant_id)


def _same(considered: tuple[Considered, ...]) -> tuple[Considered, ...]:
    return considered


def _trace_accepted(standing: Standing, trace: Trace) -> None:
    sender, part = standing.sender or "<>", standing.client.tenant_id
    if standing.hidden_domain is not None:
        template = _("May be used inside, but the world cannot answer to {domain}.")
        facts = {"domain": standing.hidden_domain.name}
        trace.add(StepKind.SENDER, sender, Verdict.WARNING, template, facts, part=part)
        return
    template = _("The client may use this sender.") if part is not None else _("A stranger's sender.")
    trace.add(StepKind.SENDER, sender, Verdict.ACCEPTED, template, part=part)
