"""The name and the address that we send under, as a strict receiver looks at them (reference, story C)."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass

from django.conf import settings

from transport.checks.domain_dns import own_addresses
from transport.dns.failures import DnsFailure
from transport.dns.lookups import lookup_addresses, lookup_ptr
from transport.dns.resolver import Resolver


@dataclass(frozen=True, slots=True)
class SendingName:
    """The EHLO name of a send connector and the address it sends from; '' where the platform's is used."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class NameFinding:
    """What DNS says of both. `error` tells that no server answered."""

    name: str
    address: str
    name_addresses: tuple[str, ...] = ()
    ptr_names: tuple[str, ...] = ()
    ptr_confirmed: bool = False
    error: str = ""

    @property
    def resolves(self) -> bool:
        return bool(self.name_addresses)

    @property
    def agrees(self) -> bool:
        """The name leads to the address, and the address back to the name."""
        return self.address in self.name_addresses and self.name in self.ptr_names


async def find_name(sending: SendingName, resolver: Resolver) -> NameFinding:
    """Look up name and address both ways (forward-confirmed reverse DNS)."""
    try:
        address = sending.address or await _sending_address(resolver)
        names, forward = await asyncio.gather(_ptr(address, resolver), lookup_addresses(sending.name, resolver))
        confirmed = await asyncio.gather(*(lookup_addresses(name, resolver) for name in names[:5]))
    except DnsFailure as failure:
        return NameFinding(sending.name, sending.address, error=failure.reply.text)
    ptr_confirmed = any(address in addresses for addresses in confirmed)
    return NameFinding(sending.name, address, forward, names, ptr_confirmed)


async def _ptr(address: str, resolver: Resolver) -> tuple[str, ...]:
    return await lookup_ptr(address, resolver) if address else ()


async def _sending_address(resolver: Resolver) -> str:
    """Return the address that peers most likely see: the one we are bound to, or that of our own name."""
    bound = ipaddress.ip_address(settings.POSTROOM_BIND)
    if not bound.is_unspecified:
        return str(bound)
    return min(await own_addresses(resolver), default="")
