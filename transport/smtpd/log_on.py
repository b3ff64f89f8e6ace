"""The AUTH command (RFC 4954): its exchange with the client. Who it is, transport/smtpd/auth.py finds out."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from transport.message.reply import Reply
from transport.routing.envelope import Client, Origin
from transport.smtpd import replies
from transport.smtpd.auth import Account, Credentials, decode_response, plain_credentials
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
    match mechanism.upper():
        case "PLAIN":
            credentials = await _plain(session, initial.strip())
        case "LOGIN":
            credentials = await _login(session, initial.strip())
        case _:
            return replies.UNKNOWN_MECHANISM
    try:
        account = await session.service.authenticator.check(credentials, session.address)
    except DatabaseAway:
        return replies.AUTH_UNAVAILABLE
    return _failed(session) if account is None else _succeeded(session, account)


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


def _succeeded(session: Session, account: Account) -> Reply:
    connector = session.connector
    session.client = Client(
        Origin.SUBMISSION,
        account.tenant_id,
        account.mailbox_id,
        connector.name,
        session.address,
        connector.user_rights,
    )
    return replies.AUTHENTICATED


async def _plain(session: Session, initial: str) -> Credentials:
    text = initial or await _ask(session, b"")
    credentials = plain_credentials("" if text == "=" else text)
    if credentials is None:
        raise Refused(replies.AUTH_UNDECODABLE)
    return credentials


async def _login(session: Session, initial: str) -> Credentials:
    name = decode_response(initial or await _ask(session, b"Username:"))
    password = decode_response(await _ask(session, b"Password:")) if name is not None else None
    if name is None or password is None:
        raise Refused(replies.AUTH_UNDECODABLE)
    return Credentials(name, password)


async def _ask(session: Session, challenge: bytes) -> str:
    session.say(b"334 " + b64encode(challenge) + b"\r\n")
    session.is_busy = False
    try:
        while (line := session.inbox.take_line(RESPONSE_LIMIT)) is None:
            await session.more()
    except LineTooLong:
        raise Refused(replies.LINE_TOO_LONG) from None
    session.is_busy = True
    text = line.decode("ascii", "replace").strip()
    # RFC 4954 4: the client may give up.
    if text == "*":
        raise Refused(replies.AUTH_ABORTED)
    return text
