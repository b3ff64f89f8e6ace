"""The recipient's side of a decision: whose domain it is, whom the address leads to, and by which next hop."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from transport.message.address import Address, InvalidAddress, parse_path
from transport.routing.connectors import considering, next_hop, obstacle_of, select_connector
from transport.routing.envelope import Origin, Right
from transport.routing.lookup import Lookup
from transport.routing.refusals import refuse
from transport.routing.result import MAILBOX_HOP, UNREACHABLE_HOP, Refusal, RoutedRecipient
from transport.routing.senders import Standing
from transport.routing.snapshot import ConnectorRouting, DomainEntry, DomainType, ResolvedAddress, TenantSnapshot
from transport.routing.trace import NOBODY, Considering, StepKind, Trace, Verdict
from transport.routing.wording import gettext_noop as _

# RFC 5321 4.5.1 and RFC 2142 5: these answer for every domain, whatever the quota says.
ROLE_NAMES: Final = frozenset({"postmaster", "abuse"})


class Destination(NamedTuple):
    """A recipient with the tenant in whose part of the message it belongs; None: nobody's, it was refused."""

    tenant: TenantSnapshot | None
    recipient: RoutedRecipient


class Case(NamedTuple):
    """One recipient being decided, with what the decision may look at."""

    original: str
    address: Address
    domain: str
    standing: Standing
    size: int
    lookup: Lookup
    trace: Trace

    def is_foreign(self, tenant: TenantSnapshot) -> bool:
        """Say whether a tenant's mail goes to another one, which must learn of each other no more than strangers do."""
        return self.standing.tenant is not None and tenant is not self.standing.tenant


def route_recipient(original: str, standing: Standing, size: int, lookup: Lookup, trace: Trace) -> Destination:
    """Decide one recipient."""
    try:
        address = _parsed(original, lookup.snapshot.hostname)
    except InvalidAddress as error:
        unread = Case(original, Address(original, ""), "", standing, size, lookup, trace)
        return _refused(unread, standing.tenant, refuse("recipient.bad_address", recipient=original, why=error))
    case = Case(original, address, address.domain_a, standing, size, lookup, trace)
    found = lookup.accepting(case.domain, standing.tenant)
    if _is_suppressed(case, found):
        return _refused(
            case, standing.tenant, refuse("recipient.suppressed", recipient=case.address, domain=case.domain)
        )
    if found is None:
        return _outside(case)
    tenant, entry = found
    if case.is_foreign(tenant):
        if standing.hidden_domain is not None:
            return _refused(case, standing.tenant, _hidden(case, standing.hidden_domain))
        template = _("{domain} belongs to another organisation here: handed over as coming from outside.")
        _tell(case, standing.tenant, Verdict.HANDED_OVER, template, {"domain": entry.name})
    if (refusal := _suspension(case, tenant, entry)) is not None:
        return _refused(case, tenant, refusal)
    return _inside(case, tenant, entry)


def _is_suppressed(case: Case, found: tuple[TenantSnapshot, DomainEntry] | None) -> bool:
    """Say whether the sender's own tenant has learnt that the address does not work. What was accepted stays so."""
    own = case.standing.tenant
    if own is None or not own.suppressed or case.standing.is_settled or case.standing.client.origin is Origin.NOTICE:
        return False
    is_ours = found is not None and found[0] is own and found[1].type is DomainType.AUTHORITATIVE
    return not is_ours and case.address.key in own.suppressed


def _suspension(case: Case, tenant: TenantSnapshot, entry: DomainEntry) -> Refusal | None:
    """Put off or refuse mail for a suspended organisation or domain; what was accepted before waits instead."""
    if case.standing.is_settled:
        return None
    if tenant is not case.standing.tenant and not tenant.active:
        code = "tenant.receiving_refused" if tenant.refuses_for_good else "tenant.receiving_suspended"
        return refuse(code, recipient=case.address)
    if entry.suspended:
        is_permanent = entry.suspended == "permanent"
        code = "domain.receiving_refused" if is_permanent else "domain.receiving_suspended"
        return refuse(code, recipient=case.address, domain=entry.name)
    return None


def expect_recipient(original: str, lookup: Lookup) -> None:
    """Ask for the owners of the recipient's domain before it is known who asks."""
    try:
        lookup.expect(_parsed(original, lookup.snapshot.hostname).domain_a)
    except InvalidAddress:
        return


def _parsed(original: str, hostname: str) -> Address:
    address = parse_path(original, smtputf8=True)
    if address is None:
        raise InvalidAddress("address.syntax", "A recipient cannot be empty.")
    return address if address.domain else Address(address.local, hostname)


def _inside(case: Case, tenant: TenantSnapshot, entry: DomainEntry) -> Destination:
    """Decide a recipient in an accepted domain: the sender's own tenant's or another's."""
    if entry.type is not DomainType.EXTERNAL_RELAY:
        resolved = case.lookup.address(tenant.id, case.address.key)
        if resolved is not None:
            return _mailbox(case, tenant, entry, resolved)
        if entry.type is DomainType.AUTHORITATIVE:
            return _refused(case, tenant, refuse("recipient.unknown", recipient=case.address, domain=entry.name))
    # The system behind a relay domain may read a route out of a%b@c; a stranger gets no such relay.
    if tenant is not case.standing.tenant and case.address.has_routing_characters:
        return _refused(case, tenant, refuse("relay.denied", recipient=case.address, domain=entry.name))
    template = _("{domain} is accepted ({type}): goes on by a send connector.")
    _tell(case, tenant, Verdict.RELAYED, template, {"domain": entry.name, "type": entry.type.value})
    return _by_connector(case, tenant, entry)


def _mailbox(case: Case, tenant: TenantSnapshot, entry: DomainEntry, resolved: ResolvedAddress) -> Destination:
    if not resolved.enabled and not case.standing.is_settled:
        code = "recipient.put_off" if resolved.puts_mail_off else "recipient.disabled"
        return _refused(case, tenant, _mailbox_refusal(code, case, tenant, resolved))
    if resolved.over_quota and case.address.local.lower() not in ROLE_NAMES:
        return _refused(case, tenant, _mailbox_refusal("mailbox.full", case, tenant, resolved))
    template = _("{domain} is accepted ({type}); the address leads to the mailbox “{mailbox}”, {primary}.")
    primary = resolved.primary_address
    facts = {"domain": entry.name, "type": entry.type.value, "mailbox": resolved.mailbox_name, "primary": primary}
    _tell(case, tenant, Verdict.RESOLVED, template, facts)
    # Exchange rewrites a proxy address to the primary one here; the original stays for ORCPT.
    return Destination(tenant, RoutedRecipient(case.original, primary, MAILBOX_HOP, None, resolved.mailbox_id))


def _mailbox_refusal(reason_code: str, case: Case, tenant: TenantSnapshot, resolved: ResolvedAddress) -> Refusal:
    if case.is_foreign(tenant):
        return refuse(reason_code, recipient=case.address)
    facts = {"mailbox": resolved.mailbox_name, "mailbox_id": resolved.mailbox_id}
    return refuse(reason_code, recipient=case.address, **facts)


def _outside(case: Case) -> Destination:
    """Decide a recipient in nobody's domain: relay for those who may, refuse the others."""
    standing, tenant = case.standing, case.standing.tenant
    if tenant is None or Right.ACCEPT_ANY_RECIPIENT not in standing.client.rights:
        return _refused(case, tenant, refuse("relay.denied", recipient=case.address, domain=case.domain))
    if standing.hidden_domain is not None:
        return _refused(case, tenant, _hidden(case, standing.hidden_domain))
    template = _("{domain} is accepted by nobody here: goes out by a send connector.")
    _tell(case, tenant, Verdict.RELAYED, template, {"domain": case.domain})
    return _by_connector(case, tenant, None)


def _hidden(case: Case, entry: DomainEntry) -> Refusal:
    """Refuse at once what the peer would refuse later: a sender that the world cannot answer."""
    return refuse(
        "sender.domain_not_public",
        sender=case.standing.sender,
        recipient=case.address,
        domain=entry.name,
        domain_id=entry.id,
        mailbox_id=case.standing.client.mailbox_id or "",
    )


def _by_connector(case: Case, tenant: TenantSnapshot, relayed: DomainEntry | None) -> Destination:
    """Send it on by the tenant's best connector, or let it wait as unreachable."""
    selection = select_connector(tenant, case.domain, case.size)
    connector = selection.connector
    told = considering(tenant, case.domain, case.size)
    reason_code = selection.reason_code if connector is None else obstacle_of(connector, case.lookup.snapshot)
    if connector is None or reason_code is not None:
        about = connector or selection.obstacle
        facts: dict[str, Any] = {"recipient": case.address, "domain": case.domain, "size": case.size}
        if about is not None and not case.is_foreign(tenant):
            facts |= {"connector": about.name, "connector_id": about.id, "limit": about.max_message_size}
        return _without_route(case, tenant, refuse(reason_code or "route.no_connector", **facts), told)
    template = _("Send connector “{connector}” ({pattern}, cost {cost}) takes it, routing: {routing}.")
    chosen = {"connector": connector.name, "pattern": selection.pattern, "cost": selection.cost}
    chosen["routing"] = connector.routing.value
    case.trace.add(StepKind.CONNECTOR, case.domain, Verdict.CHOSEN, template, chosen, told, part=tenant.id)
    if relayed is not None and connector.routing is ConnectorRouting.DNS:
        _warn_of_mx(case, tenant, relayed)
    recipient = RoutedRecipient(case.original, str(case.address), next_hop(connector, case.domain))
    return Destination(tenant, recipient)


def _without_route(case: Case, tenant: TenantSnapshot, why: Refusal, told: Considering) -> Destination:
    """A permanent reason refuses; with any other the recipient waits until the configuration changes."""
    if why.reply.is_permanent:
        return _refused(case, tenant, why, told)
    template = _("Waits as unreachable: {problem}")
    facts = {**why.facts, "problem": why.reply.text}
    case.trace.add(
        StepKind.CONNECTOR, case.domain, Verdict.WAITING, template, facts, told, why.reason_code, part=tenant.id
    )
    address = str(case.address)
    waiting = RoutedRecipient(case.original, address, UNREACHABLE_HOP, reason_code=why.reason_code, facts=why.facts)
    return Destination(tenant, waiting)


def _warn_of_mx(case: Case, tenant: TenantSnapshot, entry: DomainEntry) -> None:
    """A relay domain's MX normally names us, so that by MX the mail would come back (reference §1)."""
    template = _("The MX records of {domain} may lead back here: a relay domain wants a connector with smart hosts.")
    facts = {"domain": entry.name}
    case.trace.add(StepKind.CONNECTOR, case.domain, Verdict.WARNING, template, facts, part=tenant.id)


def _tell(case: Case, tenant: TenantSnapshot | None, verdict: Verdict, template: str, facts: dict[str, Any]) -> None:
    part = tenant.id if tenant is not None else NOBODY
    case.trace.add(StepKind.RECIPIENT, case.original, verdict, template, facts, part=part)


def _refused(
    case: Case, tenant: TenantSnapshot | None, refusal: Refusal, told: Considering | None = None
) -> Destination:
    """Tell the refusal to the sender's tenant, or to the one that was written to where a stranger writes."""
    teller = case.standing.tenant or tenant
    facts = {"reply": refusal.reply, **refusal.facts}
    case.trace.add(
        StepKind.RECIPIENT,
        case.original,
        Verdict.REFUSED,
        _("Refused: {reply}"),
        facts,
        told if teller is tenant else None,
        refusal.reason_code,
        part=teller.id if teller is not None else NOBODY,
    )
    return Destination(tenant, RoutedRecipient(case.original, case.original, None, refusal))
