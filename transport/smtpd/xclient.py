"""XCLIENT (Postfix's XCLIENT_README): a listed host tells for whom it speaks, instead of or beside the PROXY protocol.

Only addresses of POSTROOM_XCLIENT_NETWORKS may, as what they say counts: address, name, log-in. From anybody else
the command is refused, and nobody else is told that there is one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from transport.message.reply import Reply
from transport.smtpd import replies
from transport.smtpd.link import DatabaseAway
from transport.smtpd.log_on import log_in_as
from transport.smtpd.parameters import Refused

if TYPE_CHECKING:
    from transport.smtpd.session import Session

ATTRIBUTES: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
EXTENSION: Final = " ".join(("XCLIENT", *ATTRIBUTES))
MAX_VALUE: Final = 255
_UNAVAILABLE: Final = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_ENCODED = re.compile(r"\+([0-9A-Fa-f]{2})")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})+\Z")
_NAME = re.compile(r"[A-Za-z0-9_.\[\]:-]+\Z")


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a client; None where it was not named, '' where the host does not know it."""

    address: str | None = None
    name: str | None = None
    port: int | None = None
    is_extended: bool | None = None
    helo: str | None = None
    login: str | None = None
    local_address: str | None = None
    local_port: int | None = None


async def xclient(session: Session, argument: str) -> Reply | None:
    """Take the session for one with the client that is told of, from its beginning."""
    if not session.service.may_speak_for_others(session.peer):
        return replies.XCLIENT_REFUSED
    if session.transaction is not None:
        return replies.XCLIENT_IN_MAIL
    told = parse_xclient(argument)
    await session.become(told)
    if told.login:
        await _log_in(session, told.login)
    return session.greeting()


async def _log_in(session: Session, name: str) -> None:
    if not session.connector.offers_auth:
        raise Refused(replies.NO_AUTH_HERE)
    try:
        account = await session.service.authenticator.account_of(name)
    except DatabaseAway:
        raise Refused(replies.AUTH_UNAVAILABLE) from None
    if account is None:
        raise Refused(replies.AUTH_FAILED)
    log_in_as(session, account)


def parse_xclient(argument: str) -> Told:
    """Read the attributes; raises Refused."""
    given: dict[str, str] = {}
    for word in argument.split():
        name, equals, value = word.partition("=")
        if not equals or name.upper() not in ATTRIBUTES or name.upper() in given:
            raise Refused(replies.XCLIENT_SYNTAX)
        given[name.upper()] = _decoded(value)
    if not given:
        raise Refused(replies.XCLIENT_SYNTAX)
    proto = given.get("PROTO")
    if proto is not None and proto.upper() not in ("", "SMTP", "ESMTP"):
        raise Refused(replies.XCLIENT_SYNTAX)
    return Told(
        address=_address(given.get("ADDR")),
        name=_host(given.get("NAME")),
        port=_port(given.get("PORT")),
        is_extended=proto.upper() == "ESMTP" if proto else None,
        helo=given.get("HELO"),
        login=given.get("LOGIN"),
        local_address=_address(given.get("DESTADDR")),
        local_port=_port(given.get("DESTPORT")),
    )


def _decoded(value: str) -> str:
    if value.upper() in _UNAVAILABLE:
        return ""
    if not _XTEXT.match(value):
        raise Refused(replies.XCLIENT_SYNTAX)
    try:
        text = _ENCODED.sub(_octet, value).encode("latin-1").decode()
    except UnicodeError:
        raise Refused(replies.XCLIENT_SYNTAX) from None
    if not text.isprintable() or len(text) > MAX_VALUE:
        raise Refused(replies.XCLIENT_SYNTAX)
    return text


def _octet(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _address(value: str | None) -> str | None:
    if not value:
        return value
    is_tagged = value[:5].upper() == "IPV6:"
    try:
        address = ipaddress.ip_address(value[5:] if is_tagged else value)
    except ValueError:
        raise Refused(replies.XCLIENT_SYNTAX) from None
    if is_tagged and address.version != 6:
        raise Refused(replies.XCLIENT_SYNTAX)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _host(value: str | None) -> str | None:
    if value and not _NAME.match(value):
        raise Refused(replies.XCLIENT_SYNTAX)
    return value


def _port(value: str | None) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and 0 < int(value[:6]) <= 65_535):
        raise Refused(replies.XCLIENT_SYNTAX)
    return int(value)
