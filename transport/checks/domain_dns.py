"""What must be published for a domain, what is published, and what that means for its mail."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from tenants.actions.actor import Actor
from tenants.actions.domains import record_dns_findings
from tenants.models import AcceptedDomain
from tenants.scope import scope
from transport.checks.spf import SpfResult, evaluate_spf, spf_records
from transport.checks.verdicts import DnsRecord, Purpose, Verdict
from transport.dns.failures import DnsFailure
from transport.dns.lookups import domain_exists, lookup_addresses, lookup_mx_names, lookup_txt
from transport.dns.resolver import Resolver

LIFETIME = 5.0  # somebody waits in front of a page


@dataclass(frozen=True, slots=True)
class Findings:
    """One look at public DNS. `resolvable` is None where no server answered."""

    resolvable: bool | None
    proof_seen: bool
    records: tuple[DnsRecord, ...]

    def to_json(self) -> dict[str, Any]:
        return {"resolvable": self.resolvable, "records": [record.to_json() for record in self.records]}


def make_resolver() -> Resolver:
    return Resolver(settings.POSTROOM_DNS_SERVERS or None, timeout=2.0, lifetime=LIFETIME)


def wanted_records(domain: AcceptedDomain) -> tuple[DnsRecord, ...]:
    """Return the records that the domain's zone should hold, before anybody has looked."""
    name, host = domain.domain, settings.POSTROOM_HOSTNAME
    proof_name, proof = domain.verification_record
    return (
        DnsRecord(Purpose.VERIFICATION, "TXT", proof_name, proof, True),
        DnsRecord(Purpose.MX, "MX", name, f"10 {host}.", True),
        DnsRecord(Purpose.SPF, "TXT", name, f"v=spf1 a:{host} -all", False),
        DnsRecord(Purpose.DMARC, "TXT", f"_dmarc.{name}", f"v=DMARC1; p=none; rua=mailto:postmaster@{name}", False),
    )


def records_of(domain: AcceptedDomain) -> tuple[DnsRecord, ...]:
    """Return the wanted records with what the last look found. Needs no network."""
    kept = {record["purpose"]: DnsRecord.from_json(record) for record in domain.dns_findings.get("records", ())}
    return tuple(kept.get(record.purpose, record) for record in wanted_records(domain))


def look_up_domain(domain: AcceptedDomain) -> Findings:
    """Ask public DNS. Call it with no transaction open."""
    return asyncio.run(find(domain, make_resolver()))


def verify_accepted_domain(*, actor: Actor, domain: AcceptedDomain) -> AcceptedDomain:
    """Look a domain up and keep the findings; where the proof of ownership was seen, it is verified.

    Call it outside of any scope: the look-up must not hold a transaction open.
    """
    return keep_findings(actor=actor, domain=domain, findings=look_up_domain(domain))


def keep_findings(*, actor: Actor, domain: AcceptedDomain, findings: Findings) -> AcceptedDomain:
    """Write one look's findings down. Where no server answered, what was known before stays."""
    kept = findings.to_json()
    if findings.resolvable is None:
        kept["resolvable"] = domain.dns_findings.get("resolvable")
    with scope(domain.tenant_id):
        fresh = AcceptedDomain.objects.get(pk=domain.pk)
        return record_dns_findings(actor=actor, domain=fresh, findings=kept, proof_seen=findings.proof_seen)


async def find(domain: AcceptedDomain, resolver: Resolver) -> Findings:
    """Look up everything that concerns a domain, at once."""
    proof, mx, spf, dmarc = wanted_records(domain)
    addresses = await own_addresses(resolver)
    judging = asyncio.gather(
        _guarded(proof, _judge_proof(proof, resolver)),
        _guarded(mx, _judge_mx(mx, addresses, resolver)),
        _guarded(spf, _judge_spf(spf, addresses, resolver)),
        _guarded(dmarc, _judge_dmarc(dmarc, resolver)),
    )
    records, resolvable = await asyncio.gather(judging, _resolvable(domain.domain, resolver))
    return Findings(resolvable, records[0].verdict is Verdict.PASSED, tuple(records))


async def own_addresses(resolver: Resolver) -> frozenset[str]:
    """Return the addresses where we listen: what MX must lead to, and what we send from unless told otherwise."""
    own = set() if ipaddress.ip_address(settings.POSTROOM_BIND).is_unspecified else {settings.POSTROOM_BIND}
    with contextlib.suppress(DnsFailure):
        own.update(await lookup_addresses(settings.POSTROOM_HOSTNAME, resolver))
    return frozenset(own)


async def leads_here(domain: str, resolver: Resolver) -> bool | None:
    """Say whether a domain's MX names a host of ours; None where no server answered."""
    try:
        hosts = [host for _, host in await lookup_mx_names(domain, resolver) if host]
        here = await _hosts_here(hosts, await own_addresses(resolver), resolver)
    except DnsFailure:
        return None
    return bool(here)


async def _resolvable(domain: str, resolver: Resolver) -> bool | None:
    try:
        return await domain_exists(domain, resolver)
    except DnsFailure as failure:
        return False if failure.permanent else None


async def _guarded(record: DnsRecord, judging: Awaitable[DnsRecord]) -> DnsRecord:
    """Turn a look-up that nobody answered into a verdict of its own: it says nothing about the zone."""
    try:
        return await judging
    except DnsFailure as failure:
        facts = {"name": record.name, "error": failure.reply.text}
        return replace(record, verdict=Verdict.UNKNOWN, code="checks.dns_unavailable", facts=facts)


def _with(record: DnsRecord, verdict: Verdict, code: str, seen: Any = (), **facts: object) -> DnsRecord:
    texts = {name: str(value) for name, value in facts.items()}
    return replace(
        record, seen=tuple(seen), verdict=verdict, code=f"checks.{code}", facts={"name": record.name, **texts}
    )


async def _judge_proof(record: DnsRecord, resolver: Resolver) -> DnsRecord:
    seen = [text.strip() for text in await lookup_txt(record.name, resolver)]
    if record.value in seen:
        return _with(record, Verdict.PASSED, "proof_seen", [record.value])
    if any(text.startswith("postroom-verification=") for text in seen):
        return _with(record, Verdict.FAILED, "proof_other", seen)
    return _with(record, Verdict.FAILED, "proof_missing", seen)


async def _judge_mx(record: DnsRecord, addresses: frozenset[str], resolver: Resolver) -> DnsRecord:
    pairs = await lookup_mx_names(record.name, resolver)
    seen = [f"{preference} {host or '.'}" for preference, host in pairs]
    hosts = [host for _, host in pairs if host]
    facts = {"host": settings.POSTROOM_HOSTNAME, "hosts": ", ".join(hosts)}
    if pairs and not hosts:
        return _with(record, Verdict.FAILED, "mx_null", seen, **facts)
    if not pairs:
        own = set(await lookup_addresses(record.name, resolver)) & addresses
        if own:
            return _with(record, Verdict.WARNING, "mx_implicit", seen, **facts)
        return _with(record, Verdict.FAILED, "mx_missing", seen, **facts)
    here = await _hosts_here(hosts, addresses, resolver)
    if not here:
        return _with(record, Verdict.FAILED, "mx_elsewhere", seen, **facts)
    others = [host for host in hosts if host not in here]
    if others:
        return _with(record, Verdict.WARNING, "mx_partly", seen, others=", ".join(others), **facts)
    return _with(record, Verdict.PASSED, "mx_here", seen, **facts)


async def _hosts_here(hosts: list[str], addresses: frozenset[str], resolver: Resolver) -> set[str]:
    found = await asyncio.gather(*(lookup_addresses(host, resolver) for host in hosts[:20]))
    return {host for host, theirs in zip(hosts[:20], found, strict=True) if set(theirs) & addresses}


async def _judge_spf(record: DnsRecord, addresses: frozenset[str], resolver: Resolver) -> DnsRecord:
    seen = spf_records(await lookup_txt(record.name, resolver))
    if not seen:
        return _with(record, Verdict.WARNING, "spf_missing")
    results = [(address, *await evaluate_spf(record.name, address, resolver)) for address in sorted(addresses)[:4]]
    for address, result, _ in results:
        if result is SpfResult.PASS:
            return _with(record, Verdict.PASSED, "spf_passes", seen, address=address)
    broken = next((why for _, result, why in results if result is SpfResult.PERMERROR), None)
    if broken is not None:
        return _with(record, Verdict.FAILED, "spf_broken", seen, why=broken)
    unsure = next((why for _, result, why in results if result is SpfResult.UNSURE), None)
    if unsure is not None or not results:
        return _with(record, Verdict.UNKNOWN, "spf_unsure", seen, why=unsure or "")
    tried = ", ".join(address for address, *_ in results)
    return _with(record, Verdict.FAILED, "spf_refuses", seen, address=tried, result=results[0][1].value)


async def _judge_dmarc(record: DnsRecord, resolver: Resolver) -> DnsRecord:
    seen = [text for text in await lookup_txt(record.name, resolver) if text.lower().startswith("v=dmarc1")]
    if not seen:
        return _with(record, Verdict.WARNING, "dmarc_missing")
    if len(seen) > 1:
        return _with(record, Verdict.FAILED, "dmarc_several", seen)
    tags = dict(part.strip().lower().split("=", 1) for part in seen[0].split(";") if "=" in part)
    policy = tags.get("p", "").strip()
    if policy not in {"none", "quarantine", "reject"}:
        return _with(record, Verdict.FAILED, "dmarc_broken", seen, policy=policy)
    return _with(record, Verdict.PASSED, "dmarc_seen", seen, policy=policy)
