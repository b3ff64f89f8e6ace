"""From a next hop's name to endpoints in the order to try them: a domain's mail hosts, or a connector's smart hosts."""

from __future__ import annotations

from collections.abc import Sequence

from transport.delivery.options import Endpoint
from transport.dns.failures import DnsFailure, DnsTemporary, NoMailHost
from transport.dns.lookups import lookup_addresses
from transport.dns.mx import MxLookup
from transport.dns.names import literal_address
from transport.dns.resolver import Resolver


def mx_endpoints(lookup: MxLookup, port: int = 25) -> tuple[Endpoint, ...]:
    """Return every address of every mail host, best host first."""
    return tuple(Endpoint(host.name, address, port) for host in lookup.hosts for address in host.addresses)


async def smart_host_endpoints(hosts: Sequence[tuple[str, int]], resolver: Resolver) -> tuple[Endpoint, ...]:
    """Return the smart hosts' addresses in the connector's order; raises a DnsFailure where none has any.

    The addresses are looked up once and kept, so that what is checked is what is connected to (2.15).
    """
    endpoints: list[Endpoint] = []
    failures: list[DnsFailure] = []
    for host, port in hosts:
        try:
            endpoints += [Endpoint(host, address, port) for address in await _addresses(host, resolver)]
        except DnsFailure as failure:
            failures.append(failure)
    if not endpoints and failures:
        raise next((failure for failure in failures if isinstance(failure, DnsTemporary)), failures[0])
    return tuple(endpoints)


async def _addresses(host: str, resolver: Resolver) -> tuple[str, ...]:
    if literal := literal_address(host):
        return (literal,)
    addresses = await lookup_addresses(host, resolver)
    if not addresses:
        raise NoMailHost(host)
    return addresses
