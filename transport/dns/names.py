"""Domain names as DNS wants them: A-labels, absolute, and only the characters mail domains have (RFC 5321 2.3.5)."""

from __future__ import annotations

import ipaddress
import re

import dns.exception
import dns.name
import idna

from transport.dns.failures import InvalidName

# The underscore is no host name character, but _dmarc and selector._domainkey are looked up too.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


def to_name(domain: str) -> dns.name.Name:
    """Return the absolute DNS name; raises InvalidName. Never lets dnspython's own escapes through."""
    ascii_domain = _to_ascii(domain)
    if len(ascii_domain) > 255 or not _NAME.fullmatch(ascii_domain):
        raise InvalidName(domain)
    try:
        return dns.name.from_text(ascii_domain, dns.name.root)
    except dns.exception.DNSException:
        raise InvalidName(domain) from None


def to_text(name: dns.name.Name) -> str:
    """Return a name from an answer in lower case without its last dot; the root is ''."""
    return name.to_text().lower().rstrip(".")


def is_address(name: str) -> bool:
    """Tell whether a name that a zone gave is really an IP address, which RFC 5321 5.1 does not allow there."""
    return literal_address(name) is not None or re.fullmatch(r"[0-9.]+", name) is not None


def literal_address(text: str) -> str | None:
    """Return the address inside `192.0.2.1`, `[192.0.2.1]` or `[IPv6:2001:db8::1]`, else None."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if inner[:5].lower() == "ipv6:":
        inner = inner[5:]
    try:
        return str(ipaddress.ip_address(inner))
    except ValueError:
        return None


def _to_ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise InvalidName(domain) from None
