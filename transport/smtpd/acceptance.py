"""From the end of DATA to 250: the message's checks, its trace header, its route, its commit (design §6)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from tenants.identifiers import uuid7
from transport.message.authors import fault_of_authors
from transport.message.firewall import without_forged_fields
from transport.message.header import HeaderDigest, digest
from transport.message.lines import find_bare_newline
from transport.message.received import rfc5322_date
from transport.message.reply import Reply
from transport.queue.intake import Accepted, Arrival, TenantTerms, TraceHeader, accept
from transport.routing.envelope import Client, Envelope, Origin
from transport.routing.reasons import reply_for
from transport.routing.result import RoutedRecipient, Routing
from transport.routing.route import route
from transport.routing.snapshot import Need, Snapshot
from transport.smtpd import replies
from transport.smtpd.transaction import Transaction
from transport.smtpd.writer import NotStored

if TYPE_CHECKING:
    from transport.smtpd.session import Session


async def take_in(session: Session, transaction: Transaction, content: bytes) -> Reply:
    """Return the reply to the end of DATA; 250 means that the message is on disk."""
    since, dialogue = time.monotonic(), session.dialogue
    if dialogue is not None:
        dialogue.remark(f"content of {len(content)} octets", session.loop.time())
    facts = digest(content, session.connector.max_header_size + 4096)
    refusal = _refusal(session, transaction, content, facts)
    if refusal is not None:
        return refusal
    if facts.has_guarded_fields:
        content = without_forged_fields(content, session.service.hostname, session.connector.max_header_size + 4096)
        facts = digest(content, session.connector.max_header_size + 4096)
    content, facts = _completed(transaction, content, facts)
    routing, terms = await _routed(session, transaction, len(content), facts)
    if routing.refused:
        return _reply_for_refused(routing)
    allowance, client, size = session.service.allowance, transaction.client, len(content)
    if (put_off := allowance.take(client, routing, size)) is not None:
        return put_off
    batch = accept(_arrival(session, transaction, content), content, facts, routing, terms)
    try:
        await session.service.writer.commit(batch)
    except NotStored:
        allowance.give_back(client, routing, size)
        return replies.UNAVAILABLE
    session.accepted()
    if dialogue is not None:
        dialogue.carried({one.message.tenant_id: one.id for one in batch}, transaction.client.tenant_id)
    session.service.tally.accept(len(content), time.monotonic() - since)
    return replies.queued(facts.message_id or _made_up_id(batch), batch[0].id)


def _refusal(session: Session, transaction: Transaction, content: bytes, facts: HeaderDigest) -> Reply | None:
    connector = session.connector
    if find_bare_newline(content) >= 0:
        return replies.BARE_NEWLINE
    if b"\0" in content:
        return replies.NUL_CHARACTER
    if facts.header_size > connector.max_header_size:
        return replies.HEADER_TOO_LARGE
    most_local = connector.max_local_hop_count  # times that we have handled it ourselves; 0: no matter how often
    own_names = {session.service.hostname.lower(), connector.hostname.lower()}
    is_looping = 0 < most_local < sum(facts.local_hops(name) for name in own_names)
    if facts.received_count > connector.max_hop_count or is_looping:
        return replies.TOO_MANY_HOPS
    if transaction.client.origin is Origin.SUBMISSION:
        # Reliability 2.12. Without a From line the sender is put into one, if there is a sender.
        fault = fault_of_authors(content, facts)
        if not fault and not facts.from_count and not transaction.sender:
            fault = "message.no_from"
        return reply_for(fault) if fault else None
    return None


def _completed(transaction: Transaction, content: bytes, facts: HeaderDigest) -> tuple[bytes, HeaderDigest]:
    """Add what a submitted message lacks (RFC 6409 8); mail from elsewhere stays as it came."""
    is_complete = facts.from_count and facts.date is not None and facts.message_id
    if transaction.client.origin is not Origin.SUBMISSION or is_complete:
        return content, facts
    added = b""
    if not facts.from_count:
        added += f"From: {transaction.sender}\r\n".encode()
    if facts.date is None:
        added += f"Date: {rfc5322_date(datetime.now(UTC))}\r\n".encode()
    if not facts.message_id:
        added += f"Message-ID: <{uuid7()}@{settings.POSTROOM_HOSTNAME}>\r\n".encode()
    # Content that begins with its body has no header to add to, so one is made.
    separator = b"" if facts.header_size or content.startswith(b"\r\n") else b"\r\n"
    content = added + separator + content
    return content, digest(content)


async def _routed(
    session: Session, transaction: Transaction, size: int, facts: HeaderDigest
) -> tuple[Routing, Mapping[UUID, TenantTerms]]:
    """Return the route, and the terms of its tenants that belong to it.

    They are taken in one step: between two, other sessions' look-ups may push a tenant out of the cache.
    """
    configuration, client = session.service.configuration, transaction.client
    settled = transaction.settled(configuration.generation)
    if settled is not None and (terms := configuration.terms_of(_concerned(client, settled))) is not None:
        return settled, terms
    authors = facts.from_addresses if client.origin is Origin.SUBMISSION else ()
    envelope = Envelope(transaction.sender, tuple(transaction.recipients), size, client, authors)

    def decide(snapshot: Snapshot) -> tuple[Routing, Mapping[UUID, TenantTerms]] | Need:
        routing = route(envelope, snapshot)
        if isinstance(routing, Need):
            return routing
        return routing, configuration.terms_of(_concerned(client, routing)) or {}

    return await session.service.decide(decide)


def _concerned(client: Client, routing: Routing) -> list[UUID]:
    """Return the tenants that get a part of the message: those it comes to, and its sender's own."""
    concerned = [part.tenant_id for part in routing.messages]
    return concerned if client.tenant_id is None else [client.tenant_id, *concerned]


def _reply_for_refused(routing: Routing) -> Reply:
    """SMTP has one reply for all recipients here, though each was accepted at RCPT: configuration changed since.

    Where all are refused alike, or none will ever fit, that is the answer; else the client comes again, and
    hears it recipient by recipient.
    """
    first = _reply_of(routing.refused[0])
    if not routing.messages or routing.refused[0].refusal == routing.sender_refusal:
        return first
    permanent = [_reply_of(one) for one in routing.refused if _reason_of(one) == "route.too_large"]
    return permanent[0] if permanent else replies.UNAVAILABLE


def _reply_of(recipient: RoutedRecipient) -> Reply:
    assert recipient.refusal is not None, "a refused recipient has its refusal"
    return recipient.refusal.reply


def _reason_of(recipient: RoutedRecipient) -> str:
    return recipient.refusal.reason_code if recipient.refusal is not None else ""


def _arrival(session: Session, transaction: Transaction, content: bytes) -> Arrival:
    command, client = transaction.command, transaction.client
    return Arrival(
        sender=transaction.sender,
        client=client,
        received_at=datetime.now(UTC),
        helo=session.helo,
        recipients=transaction.options,
        is_8bit=not content.isascii(),
        smtputf8=command.smtputf8,
        envid=command.envid,
        ret=command.ret,
        require_tls=command.require_tls,
        trace_header=TraceHeader(
            by=session.connector.hostname,
            protocol=_protocol(session, command.smtputf8),
            tls=_tls(session),
            client_name=session.client_name,
            # RFC 8314 and design §12.17: where a person sits is nobody's business.
            hide_client=client.origin is Origin.SUBMISSION,
        ),
    )


def _protocol(session: Session, smtputf8: bool) -> str:
    """Return the name of the protocol in Received (RFC 3848, RFC 6531 4.3)."""
    if not session.is_extended:
        return "SMTP"
    name = "UTF8SMTP" if smtputf8 else "ESMTP"
    return name + ("S" if session.tls is not None else "") + ("" if session.is_anonymous else "A")


def _tls(session: Session) -> str | None:
    if session.tls is None:
        return None
    cipher = session.tls.cipher()
    return f"{session.tls.version()} {cipher[0]}" if cipher else session.tls.version()


def _made_up_id(batch: tuple[Accepted, ...]) -> str:
    return f"<{batch[0].id}@{settings.POSTROOM_HOSTNAME}>"
