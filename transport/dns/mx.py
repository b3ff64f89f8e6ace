"""Which hosts take a domain's mail, best first (RFC 5321 5.1, RFC 7505)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from dataclasses import dataclass, replace

from transport.dns.failures import DnsFailure, DnsTemporary, MailLoop, NoMailHost, NullMx, TemporaryKind
from transport.dns.lookups import host_addresses
from transport.dns.names import is_address, literal_address, to_text
from transport.dns.resolver import Resolver

MAX_HOSTS = 20
MAX_ADDRESSES = 10

_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class MailHost:
    """One mail host; `addresses` holds IPv4 before IPv6."""

    name: str
    preference: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MxLookup:
    """The hosts to try in order; `implicit` when the domain has no MX and its own address stands in."""

    hosts: tuple[MailHost, ...]
    implicit: bool


async def resolve_mx(domain: str, resolver: Resolver) -> MxLookup:
    """Find the domain's mail hosts with their addresses; raises a DnsFailure where there is nobody to talk to."""
    if address := literal_address(domain):
        return MxLookup((MailHost(domain, 0, (address,)),), implicit=True)
    try:
        # Many hosts on slow servers must not add up.
        async with asyncio.timeout(3 * resolver.lifetime):
            return await _resolve(domain, resolver)
    except TimeoutError:
        raise DnsTemporary(domain, TemporaryKind.TIMEOUT) from None


def without_ourselves(
    domain: str, lookup: MxLookup, names: Collection[str] = (), addresses: Collection[str] = ()
) -> MxLookup:
    """Drop ourselves and every host that is not better than us, or mail would go round (RFC 5321 5.1)."""
    own = [host.preference for host in lookup.hosts if _is_ours(host, names, addresses)]
    if not own:
        return lookup
    hosts = tuple(host for host in lookup.hosts if host.preference < min(own))
    if not hosts:
        raise MailLoop(domain)
    return replace(lookup, hosts=hosts)


async def _resolve(domain: str, resolver: Resolver) -> MxLookup:
    records = [(record.preference, to_text(record.exchange)) for record in await resolver.query(domain, "MX")]
    if not records:
        return await _implicit(domain, resolver)
    if all(not name for _, name in records):
        raise NullMx(domain)
    usable = sorted({(preference, name) for preference, name in records if name})
    usable = _shuffled([(preference, name) for preference, name in usable if not is_address(name)])
    hosts, failures = await _with_addresses(usable[:MAX_HOSTS], resolver)
    if hosts:
        return MxLookup(tuple(hosts), implicit=False)
    raise next(iter(failures), NoMailHost(domain))


async def _implicit(domain: str, resolver: Resolver) -> MxLookup:
    addresses = await host_addresses(domain, resolver, MAX_ADDRESSES)
    if not addresses:
        raise NoMailHost(domain)
    return MxLookup((MailHost(domain.rstrip(".").lower(), 0, addresses),), implicit=True)


async def _with_addresses(
    records: list[tuple[int, str]], resolver: Resolver
) -> tuple[list[MailHost], list[DnsTemporary]]:
    """Look all hosts up at once; one host that cannot be found does not spoil the others."""
    found = await asyncio.gather(*(_addresses_or_failure(name, resolver) for _, name in records))
    hosts, failures = [], []
    for (preference, name), addresses in zip(records, found, strict=True):
        if isinstance(addresses, DnsTemporary):
            failures.append(addresses)
        elif addresses:
            hosts.append(MailHost(name, preference, addresses))
    return hosts, failures


async def _addresses_or_failure(name: str, resolver: Resolver) -> tuple[str, ...] | DnsTemporary:
    try:
        return await host_addresses(name, resolver, MAX_ADDRESSES)
    except DnsTemporary as failure:
        return failure
    except DnsFailure:
        return ()


def _shuffled(records: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Spread the load over hosts of equal preference, as RFC 5321 5.1 asks."""
    return sorted(records, key=lambda record: (record[0], _random.random()))


def _is_ours(host: MailHost, names: Collection[str], addresses: Collection[str]) -> bool:
    return host.name in names or any(address in addresses for address in host.addresses)
