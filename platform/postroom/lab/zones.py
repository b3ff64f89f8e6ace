"""The lab's names: what its Internet looks like, as master files (RFC 1035 section 5), readable from top to bottom."""

from __future__ import annotations

import ipaddress
from enum import Enum

import dns.name
from dns.reversename import from_address

from postroom.lab.config import LabConfig
from postroom.lab.sites import SITES

TTL = 5  # short, since tenants here change records and want to see it

NAMES = """
$ORIGIN example.
@               NS      ns.lab
ns.lab          A       {dns}

; The demo tenant: its mail comes to this platform, which sends as {hostname}.
$ORIGIN contoso.example.
@               MX      10 mx
@               TXT     "v=spf1 {spf} -all"
_dmarc          TXT     "v=DMARC1; p=none"
mx              {A}     {platform}

; Domains whose mail already comes here although no tenant has them yet (an outsider sees: Unable to relay).
$ORIGIN northwind.example.
@               MX      10 mx.contoso.example.
@               TXT     "v=spf1 {spf} -all"
$ORIGIN xxxx.example.
@               MX      10 mx.contoso.example.
@               TXT     "v=spf1 {spf} -all"

; echo@fabrikam.example answers every message. One more name of it is an alias, one has no MX but an address.
$ORIGIN fabrikam.example.
@               MX      10 mx
@               TXT     "v=spf1 ip4:{echo} -all"
mx              A       {echo}
$ORIGIN humongous.example.
@               CNAME   fabrikam.example.
$ORIGIN proseware.example.
@               A       {echo}

; The strict one, by two names: the sender's domain must exist, HELO and PTR must agree.
$ORIGIN woodgrove.example.
@               MX      10 mx
@               TXT     "v=spf1 ip4:{strict} -all"
mx              A       {strict}
$ORIGIN strict.example.
@               MX      10 mx.woodgrove.example.

; Greylisting, slow, and down.
$ORIGIN tailspin.example.
@               MX      10 mx
mx              A       {greylist}
$ORIGIN wingtip.example.
@               MX      10 mx
mx              A       {slow}
$ORIGIN adatum.example.
@               MX      10 mx
mx              A       {down}

; No mail at all (RFC 7505); a web site without a mail host; an MX that leads nowhere.
$ORIGIN litware.example.
@               MX      0 .
$ORIGIN lucerne.example.
www             A       {down}
$ORIGIN lamna.example.
@               MX      10 nowhere
"""


class Fault(Enum):
    SERVFAIL = "answers SERVFAIL"
    SILENT = "does not answer"


# Domains, with all below them, whose servers are in trouble.
FAULTS = {"servfail.example": Fault.SERVFAIL, "silent.example": Fault.SILENT}

# What this server speaks for. RFC 6761 and others: names that exist in no public DNS, of which seed's
# `exchange.local` is one. A resolver on the Internet says NXDOMAIN for them, so the lab does too.
APEXES = (
    *("example.", "in-addr.arpa.", "ip6.arpa."),
    *("local.", "localhost.", "test.", "invalid.", "internal.", "lan.", "home.arpa."),
)


def zone_text(config: LabConfig) -> str:
    """Return all zones as one master file."""
    names = NAMES.format(
        dns=config.dns_server[0],
        hostname=config.hostname,
        platform=config.platform_address,
        A=_address_type(config.platform_address),
        spf=" ".join(_spf_term(address) for address in config.sending_addresses),
        **{site.key: config.address_of(site) for site in SITES},
    )
    return f"$TTL {TTL}\n{names}\n{_own_name(config)}\n{_reverse(config)}"


def _own_name(config: LabConfig) -> str:
    """Return the addresses of the name that the platform gives in HELO, so that PTR and A agree."""
    owner = dns.name.from_text(config.hostname)
    return "\n".join(f"{owner} {_address_type(address)} {address}" for address in config.sending_addresses)


def _reverse(config: LabConfig) -> str:
    owners = [(address, config.hostname) for address in config.sending_addresses]
    owners += [(config.address_of(site), site.host) for site in SITES]
    return "\n".join(f"{from_address(address)} PTR {dns.name.from_text(name)}" for address, name in owners)


def _address_type(address: str) -> str:
    return "A" if ipaddress.ip_address(address).version == 4 else "AAAA"


def _spf_term(address: str) -> str:
    return f"ip{ipaddress.ip_address(address).version}:{address}"
