"""Which addresses a tenant or DNS may make us connect to: public ones, and those that the operator allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from transport.delivery.options import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6890 and successors, where `is_global` of Python 3.11 differs or says nothing.
_ALSO_FORBIDDEN = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@lru_cache(maxsize=4096)
def is_forbidden_address(address: str, allowed_networks: tuple[Network, ...] = ()) -> bool:
    """Tell whether we must not connect there. What is no canonical IP address is forbidden too."""
    candidates = _meanings(address)
    if not candidates:
        return True
    return any(_is_special(candidate) and not _is_in(candidate, allowed_networks) for candidate in candidates)


def canonical(address: str) -> str:
    """Return an address as we compare it: IPv4 where IPv6 only wraps it. What is none comes back as it is."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else str(ip)


def is_our_own_host(address: str) -> bool:
    """Tell whether the address means this machine whatever its name: loopback or unspecified."""
    return any(candidate.is_loopback or candidate.is_unspecified for candidate in _meanings(address))


def _is_special(ip: Address) -> bool:
    return not ip.is_global or ip.is_multicast or _is_in(ip, _ALSO_FORBIDDEN)


def _meanings(address: str) -> list[Address]:
    """Return every address a packet may end up at: IPv6 can carry IPv4 (mapped, 6to4, Teredo, NAT64)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return []
    if ip.version == 4:
        return [ip]
    if ip.scope_id is not None:
        return []
    if ip.ipv4_mapped is not None:
        return [ip.ipv4_mapped]
    carried = [ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        carried.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [ip, *(address for address in carried if address is not None)]


def _is_in(ip: Address, networks: Iterable[Network]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)
