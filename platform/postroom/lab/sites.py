"""Who lives in the lab: each peer's character, its mail host, the domains it takes mail for, and its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSite:
    key: str
    host: str
    domains: tuple[str, ...]
    octet: int  # the last one of its loopback address
    offset: int  # added to the lab's base port
    users: tuple[str, ...] = ()  # empty: everybody but `unknown` has a mailbox


ECHO = PeerSite(
    key="echo",
    host="mx.fabrikam.example",
    domains=("fabrikam.example", "proseware.example", "humongous.example"),
    octet=11,
    offset=1,
    users=("echo", "bob", "carol", "dave", "full", "closed"),
)
STRICT = PeerSite(
    key="strict",
    host="mx.woodgrove.example",
    domains=("woodgrove.example", "strict.example"),
    octet=12,
    offset=2,
)
GREYLIST = PeerSite(key="greylist", host="mx.tailspin.example", domains=("tailspin.example",), octet=13, offset=3)
SLOW = PeerSite(key="slow", host="mx.wingtip.example", domains=("wingtip.example",), octet=14, offset=4)
DOWN = PeerSite(key="down", host="mx.adatum.example", domains=("adatum.example",), octet=15, offset=5)

SITES = (ECHO, STRICT, GREYLIST, SLOW, DOWN)
