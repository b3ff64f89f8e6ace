"""Ranges of IP addresses as receive connectors name them: one address, first-last, or a network."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from typing_extensions import override

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Design §12.14: the widest range from which an organisation's machines may relay.
WIDEST_FOR_TENANT: Final = {4: 2**8, 6: 2**64}


class InvalidRange(ValueError):
    """The text is neither an address, nor first-last, nor a network."""


@dataclass(frozen=True, slots=True)
class AddressRange:
    """All addresses from `first` to `last`; fewer addresses means more specific."""

    version: int
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> AddressRange:
        """Read `192.0.2.1`, `192.0.2.1-192.0.2.9` or `192.0.2.0/24`, and the same for IPv6."""
        return _parse(text.strip())

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def holds(self, address: IPAddress) -> bool:
        return address.version == self.version and self.first <= int(address) <= self.last

    def overlaps(self, other: AddressRange) -> bool:
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def is_within(self, other: AddressRange) -> bool:
        return self.version == other.version and other.first <= self.first and self.last <= other.last

    @property
    def is_too_wide_for_tenant(self) -> bool:
        return self.size > WIDEST_FOR_TENANT[self.version]

    @override
    def __str__(self) -> str:
        make = ipaddress.IPv4Address if self.version == 4 else ipaddress.IPv6Address
        first, last = make(self.first), make(self.last)
        if first == last:
            return str(first)
        networks = [*ipaddress.summarize_address_range(first, last)]
        return str(networks[0]) if len(networks) == 1 else f"{first}-{last}"


@lru_cache(maxsize=4096)
def _parse(text: str) -> AddressRange:
    try:
        if "-" in text:
            first, last = (ipaddress.ip_address(part.strip()) for part in text.split("-"))
        else:
            network = ipaddress.ip_network(text)
            first, last = network[0], network[-1]
    except ValueError as error:
        raise InvalidRange(str(error)) from error
    if first.version != last.version:
        raise InvalidRange(f"{first} and {last} are not of the same IP version.")
    if int(first) > int(last):
        raise InvalidRange(f"{first} comes after {last}.")
    return AddressRange(first.version, int(first), int(last))


def plain_address(text: str) -> IPAddress:
    """Return the address; an IPv4 client of a dual-stack socket (::ffff:192.0.2.1) counts as IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
