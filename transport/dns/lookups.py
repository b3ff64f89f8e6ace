"""Single look-ups: addresses, TXT, PTR, MX names. Unknown names are empty answers; only doubt raises DnsTemporary."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import dns.reversename

from transport.dns.failures import DnsFailure, DnsTemporary
from transport.dns.names import to_text
from transport.dns.resolver import Resolver

_NOWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - these are refused, not bound


async def lookup_txt(name: str, resolver: Resolver) -> tuple[str, ...]:
    """Return the TXT records, the strings of each joined without a space (RFC 7208 3.3)."""
    return tuple(
        b"".join(record.strings).decode("utf-8", "replace") for record in await _records(name, "TXT", resolver)
    )


async def lookup_addresses(name: str, resolver: Resolver) -> tuple[str, ...]:
    """Return all addresses of a host, IPv4 first."""
    return await host_addresses(name, resolver, limit=100)


async def lookup_ptr(address: str, resolver: Resolver) -> tuple[str, ...]:
    """Return the names that the address claims; nobody has checked them."""
    name = dns.reversename.from_address(str(ipaddress.ip_address(address))).to_text()
    return tuple(to_text(record.target) for record in await _records(name, "PTR", resolver))


async def lookup_mx_names(domain: str, resolver: Resolver) -> tuple[tuple[int, str], ...]:
    """Return (preference, host) pairs, best first; a null MX has the host ''."""
    records = await _records(domain, "MX", resolver)
    return tuple(sorted((record.preference, to_text(record.exchange)) for record in records))


async def domain_exists(domain: str, resolver: Resolver) -> bool:
    """Tell whether the world could answer mail from this domain: an MX that is not null, or an address."""
    names = await lookup_mx_names(domain, resolver)
    if names:
        return any(name for _, name in names)
    return bool(await lookup_addresses(domain, resolver))


async def host_addresses(name: str, resolver: Resolver, limit: int) -> tuple[str, ...]:
    """Return up to `limit` addresses of each family, IPv4 first; one family in doubt does not hide the other."""
    results = await asyncio.gather(_family(name, "A", resolver), _family(name, "AAAA", resolver))
    addresses = [address for family in results if not isinstance(family, DnsTemporary) for address in family[:limit]]
    doubts = [family for family in results if isinstance(family, DnsTemporary)]
    if not addresses and doubts:
        raise doubts[0]
    return tuple(addresses[:limit])


async def _family(name: str, rdtype: str, resolver: Resolver) -> list[str] | DnsTemporary:
    try:
        records = await _records(name, rdtype, resolver)
    except DnsTemporary as failure:
        return failure
    return sorted(record.address for record in records if record.address not in _NOWHERE)


async def _records(name: str, rdtype: str, resolver: Resolver) -> list[Any]:
    try:
        return await resolver.query(name, rdtype)
    except DnsTemporary:
        raise
    except DnsFailure:
        return []
