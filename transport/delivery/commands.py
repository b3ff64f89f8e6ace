"""The commands of one transaction as bytes, none of which can break a line.

RFC 5321 4.1.1, RFC 1870, 3030, 3461, 6152, 6531.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from transport.delivery.outcome import OutgoingMessage, OutgoingRecipient
from transport.message.address import InvalidAddress, domain_to_a

DATA = b"DATA\r\n"
RSET = b"RSET\r\n"
QUIT = b"QUIT\r\n"
STARTTLS = b"STARTTLS\r\n"

# Wider than RFC 5321's grammar, as a peer may be: but no control character, and no bracket or blank outside quotes.
_PATH = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f-\x9f]|\\[\x20-\x7e])*"|[^\s"<>@\\\x00-\x1f\x7f-\x9f]+)'
    r"(?:@(?:\[[0-9A-Za-z.:]+\]|[^\s\"<>@\\\[\]\x00-\x1f\x7f-\x9f]+))?"
)
_PARAMETER = re.compile(r"[\x21-\x3c\x3e-\x7e]{1,500}")
_MAX_PATH = 1000


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the peer's EHLO offered."""

    keywords: Mapping[str, str] = field(default_factory=dict)
    max_size: int | None = None  # the peer's fixed limit (RFC 1870), None where it has or names none
    auth_mechanisms: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, ehlo_text: str) -> Extensions:
        """Read the text of an EHLO reply; the first line is the peer's name."""
        pairs = (line.replace("AUTH=", "AUTH ", 1).split(None, 1) for line in ehlo_text.split("\n")[1:])
        keywords = {pair[0].upper(): pair[1].strip() if len(pair) > 1 else "" for pair in pairs if pair}
        mechanisms = frozenset(keywords.get("AUTH", "").upper().split())
        return cls(keywords, _size_limit(keywords.get("SIZE", "")), mechanisms)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords


def _size_limit(text: str) -> int | None:
    return int(text) or None if text.isascii() and text.isdigit() and len(text) <= 18 else None


def is_sendable_path(address: str) -> bool:
    """Tell whether the address may stand between angle brackets."""
    return len(address) <= _MAX_PATH and _PATH.fullmatch(address) is not None


def needs_smtputf8(message: OutgoingMessage) -> bool:
    """Tell whether the message cannot be sent to a peer without RFC 6531; A-labels do for plain local parts."""
    if message.smtputf8:
        return True
    return not without_u_label(message.sender).isascii()


def without_u_label(address: str) -> str:
    """Return the address with its domain as A-label, where that is possible."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain_to_a(domain)}"
    except InvalidAddress:
        return address


def mail_command(message: OutgoingMessage, size: int, extensions: Extensions) -> bytes:
    """Return MAIL with the parameters that the peer understands."""
    sender = message.sender
    parts = []
    if "SIZE" in extensions:
        parts.append(f" SIZE={size}")
    if message.body_8bit and "8BITMIME" in extensions:
        parts.append(" BODY=8BITMIME")
    if "SMTPUTF8" in extensions and (message.smtputf8 or _has_non_ascii_path(message)):
        parts.append(" SMTPUTF8")
    elif not sender.isascii():
        sender = without_u_label(sender)
    if message.require_tls:
        parts.append(" REQUIRETLS")
    if "DSN" in extensions:
        parts.append(_parameter("RET", message.ret) + _parameter("ENVID", message.envid))
    return f"MAIL FROM:<{sender}>{''.join(parts)}\r\n".encode()


def bdat_command(size: int) -> bytes:
    """Return the command that all of the content follows (RFC 3030 2)."""
    return b"BDAT %d LAST\r\n" % size


def rcpt_command(recipient: OutgoingRecipient, extensions: Extensions) -> bytes:
    """Return RCPT with the parameters that the peer understands."""
    address = recipient.address
    if not address.isascii() and "SMTPUTF8" not in extensions:
        address = without_u_label(address)
    parameters = ""
    if "DSN" in extensions and (recipient.notify or recipient.orcpt):
        parameters = _parameter("NOTIFY", recipient.notify) + _parameter("ORCPT", recipient.orcpt)
    return f"RCPT TO:<{address}>{parameters}\r\n".encode()


def _has_non_ascii_path(message: OutgoingMessage) -> bool:
    return not message.sender.isascii() or any(not recipient.address.isascii() for recipient in message.recipients)


def _parameter(name: str, value: str | None) -> str:
    """Return ` NAME=value`, or nothing for a value that would break the command: DSN wishes are not worth a failure."""
    return f" {name}={value}" if value and _PARAMETER.fullmatch(value) else ""
