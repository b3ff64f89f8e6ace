"""MAIL, RCPT and DATA: the mail transaction (RFC 5321 3.3). What may come in is asked of routing, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from transport.message.address import Address, InvalidAddress, parse_path
from transport.message.reply import Reply
from transport.pressure.levels import Level
from transport.routing.admission import Admission, admit_recipient, admit_sender
from transport.routing.envelope import Client, Origin, Right
from transport.routing.relay import Holding
from transport.smtpd import replies
from transport.smtpd.acceptance import take_in
from transport.smtpd.connectors import Connector
from transport.smtpd.content import Spooled, SpoolFailed, TooMuchData
from transport.smtpd.parameters import MailCommand, Refused, parse_mail, parse_rcpt
from transport.smtpd.standing import platform_domain, relaying_client
from transport.smtpd.transaction import Transaction

if TYPE_CHECKING:
    from transport.smtpd.session import Session

_OVER_TLS = frozenset({"REQUIRETLS"})


async def mail(session: Session, argument: str) -> Reply:
    if not session.helo:
        return replies.EHLO_FIRST
    if session.transaction is not None:
        return replies.NESTED_MAIL
    session.renew()
    if session.connector.require_tls and session.tls is None:
        return replies.TLS_REQUIRED
    if await _is_put_off(session):
        return replies.BUSY
    # RFC 8689 2: it is offered where TLS is there already.
    unoffered = session.connector.unoffered | (_OVER_TLS if session.tls is None else frozenset())
    command = parse_mail(argument, extended=session.is_extended, unoffered=unoffered)
    address = _parsed(command.path, smtputf8=command.smtputf8, is_sender=True)
    client = await _client_for(session, address)
    sender = await _text_of(session, address) if address is not None else ""
    admission: Admission = await session.service.decide(lambda snapshot: admit_sender(client, sender, snapshot))
    if not admission.accepted:
        return admission.reply
    relay = session.service.table.relays.get(client.relay_id) if client.relay_id is not None else None
    if not session.service.rates.allows(session.connector, client, relay):
        return replies.TOO_FAST
    if (put_off := await session.service.allowance.at_mail(client)) is not None:
        return put_off
    transaction = _begin(session, client, relay, sender, command)
    if command.size > transaction.size_limit:
        return replies.MESSAGE_TOO_LARGE
    session.transaction = transaction
    return admission.reply


async def _is_put_off(session: Session) -> bool:
    """Under back pressure, slow strangers down or put the message off (reference §9)."""
    pressure = session.service.pressure
    if pressure.level is Level.NORMAL:
        return False
    now, is_stranger = asyncio.get_running_loop().time(), session.is_anonymous and not session.relaying
    if pressure.puts_off(now, is_stranger=is_stranger):
        return True
    delay = pressure.delay(now, is_stranger=is_stranger)
    if delay:
        await session.flush()
        await asyncio.sleep(delay)
    return False


async def rcpt(session: Session, argument: str) -> Reply:
    transaction = session.transaction
    if transaction is None:
        return replies.MAIL_FIRST
    if transaction.has_chunks:
        return replies.RCPT_AFTER_BDAT
    command = parse_rcpt(argument, extended=session.is_extended, unoffered=session.connector.unoffered)
    if len(transaction.recipients) >= transaction.recipient_limit:
        return replies.TOO_MANY_RECIPIENTS
    address = _parsed(command.path, smtputf8=transaction.command.smtputf8)
    if address is None:
        return replies.NULL_RECIPIENT
    recipient = await _text_of(session, address)
    admission: Admission = await session.service.decide(
        lambda snapshot: admit_recipient(
            transaction.client, transaction.sender, recipient, snapshot, size=transaction.command.size
        )
    )
    if not admission.accepted:
        _note_refusal(session, transaction, admission, address, recipient)
        return admission.reply
    named = len(transaction.recipients)
    if (put_off := await session.service.allowance.at_rcpt(transaction.client, named, admission.routing)) is not None:
        return put_off
    transaction.add(recipient, command)
    if session.dialogue is not None and admission.routing is not None:
        session.dialogue.belongs_to(admission.routing.messages[0].tenant_id)
    transaction.routing, transaction.generation = admission.routing, session.service.configuration.generation
    return admission.reply


async def data(session: Session, argument: str) -> Reply:
    transaction = session.transaction
    if argument:
        return replies.NO_ARGUMENT
    if transaction is None:
        return replies.MAIL_FIRST
    if not transaction.recipients:
        return replies.RCPT_FIRST
    if transaction.has_chunks:
        return replies.DATA_AFTER_BDAT
    session.answer(replies.START_DATA)
    await session.flush()
    session.content_begins()
    try:
        incoming = await session.inbox.take_data(transaction.size_limit)
    except TooMuchData:
        session.end(replies.MESSAGE_TOO_LARGE)
    finally:
        session.content_ends()
    return await take_in_whole(session, transaction, incoming.finish)


async def take_in_whole(session: Session, transaction: Transaction, finish: Callable[[], bytes | Spooled]) -> Reply:
    """Return the reply to content that has come to its end; the transaction is over with it."""
    try:
        content = finish()
        if isinstance(content, bytes):
            return await take_in(session, transaction, content)
        async with session.service.large:
            whole = await asyncio.get_running_loop().run_in_executor(None, content.read)
            return await take_in(session, transaction, whole)
    except TooMuchData:
        return replies.MESSAGE_TOO_LARGE
    except SpoolFailed:
        return replies.BUSY
    finally:
        session.reset()


def _parsed(path: str, *, smtputf8: bool, is_sender: bool = False) -> Address | None:
    try:
        return parse_path(path, smtputf8=smtputf8)
    except InvalidAddress as error:
        raise Refused(error.reply(is_sender=is_sender)) from None


async def _text_of(session: Session, address: Address) -> str:
    if address.domain:
        return str(address)
    domain: str = await session.service.decide(platform_domain)
    return f"{address.local}@{domain}"


async def _client_for(session: Session, sender: Address | None) -> Client:
    """Return who the client is for this sender: a machine of a tenant's speaks for it under its own domain only."""
    holdings = session.relaying if session.is_anonymous else _log_in_of(session)
    if not holdings:
        return session.client
    client: Client = await session.service.decide(
        lambda snapshot: relaying_client(session.client, holdings, sender, snapshot)
    )
    if client.origin is not Origin.RELAY and not session.is_anonymous:
        raise Refused(replies.NOT_AS_THIS_SENDER)
    return client


def _log_in_of(session: Session) -> list[Holding]:
    """Return the permission whose log-in the client has; refuse it where that is gone since."""
    relay_id = session.client.relay_id
    if relay_id is None:
        return []
    relay = session.service.table.relays.get(relay_id)
    if relay is None:
        raise Refused(replies.AUTH_REQUIRED)
    return [Holding(relay.relay_entry, None)]


def _begin(session: Session, client: Client, relay: Connector | None, sender: str, command: MailCommand) -> Transaction:
    connector = session.connector
    size, recipients = connector.max_message_size, connector.max_recipients
    if relay is not None:
        size = min(size, relay.max_message_size)
    if client.tenant_id is not None and (terms := session.service.configuration.terms.get(client.tenant_id)):
        size = min(size, terms.limits.max_message_size)
        recipients = min(recipients, terms.limits.max_recipients_per_message)
    if Right.BYPASS_MESSAGE_SIZE_LIMIT in client.rights:
        size = connector.max_message_size
    return Transaction(client, sender, command, size, recipients, relay)


def _note_refusal(
    session: Session, transaction: Transaction, admission: Admission, address: Address, recipient: str
) -> None:
    session.refused_recipients += 1
    if admission.refusal is not None and admission.refusal.reason_code == "relay.denied":
        domain = address.domain_a if address.domain else recipient.rpartition("@")[2]
        session.service.refusals.add(domain, transaction.sender, recipient, session.address)
