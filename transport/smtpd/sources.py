"""Whom an address stands for when something is counted by source."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=16_384)
def source_of(address: str) -> str:
    """Return the address itself, of IPv6 its /64: that is what one customer has at the least, with 2**64 addresses."""
    parsed = ipaddress.ip_address(address)
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
