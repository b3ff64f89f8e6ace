"""The AUTH command (RFC 4954): its exchange with the client. Who it is, transport/smtpd/auth.py finds out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from transport.authentication.bearer import (
    BadBearerMessage,
    BearerMessage,
    challenge,
    read_oauthbearer,
    read_xoauth2,
)
from transport.authentication.scram_exchange import BadScramMessage, read_client_first
from transport.message.reply import Reply
from transport.routing.envelope import Client, Origin
from transport.smtpd import replies
from transport.smtpd.auth import Account, Credentials, decode_response, plain_credentials
from transport.smtpd.identity import ProviderAway
from transport.smtpd.inbox import LineTooLong
from transport.smtpd.link import DatabaseAway
from transport.smtpd.parameters import Refused

if TYPE_CHECKING:
    from transport.smtpd.session import Session

RESPONSE_LIMIT: Final = 12_288  # RFC 4954 4


async def auth(session: Session, argument: str) -> Reply:
    _refuse_out_of_order(session)
    mechanism, _, initial = argument.partition(" ")
    if not mechanism or " " in initial.strip():
        return replies.AUTH_SYNTAX
    if mechanism.upper() not in mechanisms(session):
        return replies.UNKNOWN_MECHANISM
    exchange = MECHANISMS[mechanism.upper()]
    try:
        account = await exchange(session, initial.strip())
    except (DatabaseAway, ProviderAway):
        return replies.AUTH_UNAVAILABLE
    except (BadScramMessage, BadBearerMessage):
        return replies.AUTH_UNDECODABLE
    return _failed(session) if account is None else log_in_as(session, account)


def _refuse_out_of_order(session: Session) -> None:
    connector = session.connector
    if not session.helo or not session.is_extended:
        raise Refused(replies.EHLO_FIRST)
    if not connector.offers_auth:
        raise Refused(replies.NO_AUTH_HERE)
    if session.tls is None:
        raise Refused(replies.TLS_BEFORE_AUTH)
    if not session.is_anonymous:
        raise Refused(replies.ALREADY_AUTHENTICATED)
    if session.transaction is not None:
        raise Refused(replies.AUTH_IN_MAIL)


def _failed(session: Session) -> Reply:
    session.log_on_failures += 1
    if 0 < session.connector.max_logon_failures <= session.log_on_failures:
        session.end(replies.TOO_MANY_LOG_ONS)
    return replies.AUTH_FAILED


def log_in_as(session: Session, account: Account) -> Reply:
    """Let the session act for the account, and return what to say of it."""
    connector = session.connector
    if account.mailbox_id is None:
        return _let_relay(session, account)
    session.client = Client(
        Origin.SUBMISSION,
        account.tenant_id,
        account.mailbox_id,
        connector.name,
        session.address,
        connector.user_rights,
        session.door,
    )
    return replies.AUTHENTICATED


def _let_relay(session: Session, account: Account) -> Reply:
    """Let a machine in that has the log-in of a relay permission; its sender is judged at MAIL."""
    assert account.relay_id is not None
    relay = session.service.table.relays.get(account.relay_id)
    if relay is None:
        return replies.AUTH_UNAVAILABLE  # made or enabled in this moment, and known here in the next
    rights = relay.anonymous_rights
    session.client = Client(
        Origin.RELAY, account.tenant_id, None, relay.name, session.address, rights, session.door, relay.id
    )
    return replies.AUTHENTICATED


async def _plain(session: Session, initial: str) -> Account | None:
    credentials = plain_credentials(_given(initial) if initial else await _ask(session, b""))
    if credentials is None:
        raise Refused(replies.AUTH_UNDECODABLE)
    return await session.service.authenticator.check(credentials, session.address)


async def _login(session: Session, initial: str) -> Account | None:
    name = decode_response(_given(initial) if initial else await _ask(session, b"Username:"))
    password = decode_response(await _ask(session, b"Password:")) if name is not None else None
    if name is None or password is None:
        raise Refused(replies.AUTH_UNDECODABLE)
    return await session.service.authenticator.check(Credentials(name, password), session.address)


async def _scram(session: Session, initial: str) -> Account | None:
    authenticator = session.service.authenticator
    first = read_client_first(_decoded(_given(initial) if initial else await _ask(session, b"")))
    begun = await authenticator.begin_scram(first)
    final = _decoded(await _ask(session, begun.exchange.challenge.encode()))
    result = await authenticator.check_scram(first, final, begun, session.address)
    if result is None:
        return None
    # RFC 4954 4: what the server says last is one more challenge, to which the client answers nothing.
    proof, account = result
    if await _ask(session, proof.encode()):
        raise Refused(replies.AUTH_UNDECODABLE)
    return account


async def _oauthbearer(session: Session, initial: str) -> Account | None:
    text = _decoded(_given(initial) if initial else await _ask(session, b""))
    return await _bearer(session, read_oauthbearer(text), "invalid_token")


async def _xoauth2(session: Session, initial: str) -> Account | None:
    text = _decoded(_given(initial) if initial else await _ask(session, b""))
    return await _bearer(session, read_xoauth2(text), "401")


async def _bearer(session: Session, message: BearerMessage, status: str) -> Account | None:
    authenticator = session.service.authenticator
    account = await authenticator.check_bearer(message, session.address)
    if account is None and authenticator.identity is not None:
        # RFC 7628 3.2.3: the client hears why, says anything at all to that, and is refused.
        with suppress(Refused):
            await _ask(session, challenge(status, authenticator.identity.configuration).encode())
    return account


MECHANISMS: Final[dict[str, Callable[[Session, str], Awaitable[Account | None]]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "SCRAM-SHA-256": _scram,
    "OAUTHBEARER": _oauthbearer,
    "XOAUTH2": _xoauth2,
}
_BY_TOKEN: Final = frozenset({"OAUTHBEARER", "XOAUTH2"})


def mechanisms(session: Session) -> list[str]:
    """Return what is offered: tokens only where there is a provider that makes them."""
    has_provider = session.service.authenticator.identity is not None
    return [name for name in MECHANISMS if has_provider or name not in _BY_TOKEN]


def _given(initial: str) -> str:
    """Return the initial response; one that is empty is written as an equals sign (RFC 4954 4)."""
    return "" if initial == "=" else initial


def _decoded(text: str) -> str:
    decoded = decode_response(text)
    if decoded is None:
        raise BadScramMessage
    return decoded


async def _ask(session: Session, challenge: bytes) -> str:
    session.say(b"334 " + b64encode(challenge) + b"\r\n")
    dialogue = session.dialogue
    if dialogue is not None:
        dialogue.hidden("S", session.loop.time())
    session.command_ends()
    try:
        while (line := session.inbox.take_line(RESPONSE_LIMIT)) is None:
            await session.more()
    except LineTooLong:
        raise Refused(replies.LINE_TOO_LONG) from None
    session.is_busy = True
    if dialogue is not None:
        dialogue.hidden("C", session.loop.time())
    text = line.decode("ascii", "replace").strip()
    # RFC 4954 4: the client may give up.
    if text == "*":
        raise Refused(replies.AUTH_ABORTED)
    return text
