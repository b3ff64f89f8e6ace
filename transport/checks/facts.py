"""What the mail-flow check has to know, read from the tenant's rows and from DNS; no verdicts here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q

from tenants.models import AcceptedDomain, EmailAddress, Tenant
from transport.access import RelayRefusals, relay_refusals, send_connectors
from transport.checks.domain_dns import leads_here, make_resolver
from transport.checks.sending_name import NameFinding, SendingName, find_name
from transport.checks.verdicts import DnsRecord
from transport.dns.resolver import Resolver

KEEP_FINDINGS = 600  # seconds
MAX_DOMAINS = 200
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class DomainFacts:
    id: str
    domain: str
    is_verified: bool
    resolvable: bool | None
    records: Mapping[str, DnsRecord] = field(default_factory=dict)  # by purpose; empty: never looked up


@dataclass(frozen=True, slots=True)
class ConnectorFacts:
    id: str
    name: str
    enabled: bool
    patterns: tuple[str, ...]
    uses_mx: bool
    sending: SendingName


@dataclass(frozen=True, slots=True)
class HiddenSender:
    """A mailbox whose reply address the world cannot answer."""

    mailbox_id: str
    mailbox: str
    address: str
    domain: str


@dataclass(frozen=True, slots=True)
class MailFlowFacts:
    domains: tuple[DomainFacts, ...] = ()
    connectors: tuple[ConnectorFacts, ...] = ()
    hidden_senders: tuple[HiddenSender, ...] = ()  # the first few
    hidden_count: int = 0
    refusals: tuple[RelayRefusals, ...] = ()

    @property
    def sending_names(self) -> tuple[SendingName, ...]:
        """The names under which mail goes to the Internet by MX; a smart host vouches for itself."""
        used = [connector.sending for connector in self.connectors if connector.enabled and connector.uses_mx]
        return tuple(dict.fromkeys(used)) or (SendingName(settings.POSTROOM_HOSTNAME),)


@dataclass(frozen=True, slots=True)
class LiveFindings:
    """What DNS said lately; absent: not looked up, or too long ago."""

    names: Mapping[SendingName, NameFinding] = field(default_factory=dict)
    leads_here: Mapping[str, bool | None] = field(default_factory=dict)


def read_facts(tenant: Tenant) -> MailFlowFacts:
    """Read the tenant's side, inside a scope: a handful of indexed queries, whatever the number of mailboxes."""
    hidden = _hidden_addresses(tenant)
    return MailFlowFacts(
        domains=tuple(_domain(row) for row in AcceptedDomain.objects.filter(tenant=tenant)[:MAX_DOMAINS]),
        connectors=tuple(_connector(row) for row in send_connectors(tenant.pk)),
        hidden_senders=tuple(_hidden(row) for row in hidden.select_related("mailbox")[:MAX_NAMED]),
        hidden_count=hidden.count(),
        refusals=tuple(relay_refusals()),
    )


def _hidden_addresses(tenant: Tenant) -> Any:
    return EmailAddress.objects.filter(
        Q(accepted_domain__verified_at=None) | Q(accepted_domain__dns_findings__resolvable=False),
        tenant=tenant,
        is_primary=True,
        mailbox__enabled=True,
    ).order_by("id")


def _domain(row: AcceptedDomain) -> DomainFacts:
    kept = row.dns_findings.get("records", ())
    records = {record["purpose"]: DnsRecord.from_json(record) for record in kept}
    return DomainFacts(str(row.pk), row.domain, row.is_verified, row.dns_findings.get("resolvable"), records)


def _connector(row: Any) -> ConnectorFacts:
    patterns = tuple(space.pattern for space in row.address_spaces.all())
    sending = SendingName(row.fqdn or settings.POSTROOM_HOSTNAME, row.source_address or "")
    return ConnectorFacts(str(row.pk), row.name, row.enabled, patterns, row.routing == "dns", sending)


def _hidden(row: EmailAddress) -> HiddenSender:
    return HiddenSender(str(row.mailbox_id), row.mailbox.display_name, str(row), row.domain)


def known_findings(facts: MailFlowFacts) -> LiveFindings:
    """Return what was looked up in the last minutes. Asks nobody."""
    names = {sending: found for sending in facts.sending_names if (found := cache.get(_name_key(sending)))}
    asked = {refusal.domain: cache.get(_mx_key(refusal.domain), ...) for refusal in facts.refusals}
    return LiveFindings(names, {domain: found for domain, found in asked.items() if found is not ...})


def look_up_findings(facts: MailFlowFacts) -> LiveFindings:
    """Ask DNS and keep the answers for ten minutes. Call it with no transaction open."""
    return asyncio.run(_look_up(facts.sending_names, [refusal.domain for refusal in facts.refusals], make_resolver()))


async def _look_up(names: Sequence[SendingName], domains: Sequence[str], resolver: Resolver) -> LiveFindings:
    found = await asyncio.gather(*(find_name(sending, resolver) for sending in names))
    here = await asyncio.gather(*(leads_here(domain, resolver) for domain in domains))
    findings = LiveFindings(dict(zip(names, found, strict=True)), dict(zip(domains, here, strict=True)))
    for sending, finding in findings.names.items():
        cache.set(_name_key(sending), finding, KEEP_FINDINGS)
    for domain, leads in findings.leads_here.items():
        cache.set(_mx_key(domain), leads, KEEP_FINDINGS)
    return findings


def _name_key(sending: SendingName) -> str:
    return f"checks:name:{sending.name}:{sending.address}"


def _mx_key(domain: str) -> str:
    return f"checks:mx:{domain}"
