"""Putting letters into mailboxes: a batch in one transaction with its outcome (RFC 5321 4.4 for Return-Path).

Doing it twice puts one letter in: who holds a mailbox's row sees which letters are there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from tenants.identifiers import uuid7
from transport.delivery.outcome import Outcome
from transport.message.header import decoded, iter_fields, read_header_block
from transport.message.reply import Reply
from transport.models import EventId, Folder, Source
from transport.queue.bounces import Letter, take_in_reports
from transport.queue.claim import Claim, ClaimedDelivery, ClaimedMessage
from transport.queue.columns import Column, blobs, integers, register_columns, texts, times, uuids
from transport.queue.notices import prepare_notices
from transport.queue.outcomes import Report, Result, Verdict
from transport.queue.record import write_reports
from transport.routing.reasons import reply_for

STORED: Final = Reply(250, "2.1.5", "Delivered to the mailbox")
TOO_LARGE: Final = Reply(552, "5.2.2", "The message is larger than the mailbox's quota")
HEADER_OCTETS: Final = 65_536

_LOCK_MAILBOXES: Final = """
SELECT id, enabled, quota, used_bytes, uid_next FROM tenants_mailbox WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_KNOWN_LETTERS: Final = """
SELECT l.mailbox_id, l.message_id FROM transport_mailboxmessage l
JOIN unnest(%s::uuid[], %s::uuid[]) AS w (mailbox_id, message_id)
  ON l.mailbox_id = w.mailbox_id AND l.message_id = w.message_id
WHERE l.folder = 'inbox'
"""
_HEADERS: Final = "SELECT id, substr(content, 1, %s) FROM transport_messagebody WHERE id = ANY(%s)"
# The bytes never leave the database. One body serves all mailboxes of the tenant: it has the message's id.
_STORE_BODIES: Final = """
INSERT INTO transport_mailboxbody (id, tenant_id, content)
SELECT b.id, b.tenant_id, r.return_path || b.content
FROM transport_messagebody b JOIN unnest(%s::uuid[], %s::bytea[]) AS r (id, return_path) ON r.id = b.id
ORDER BY b.id
ON CONFLICT DO NOTHING
"""
_STORE_LETTERS: Final = """
INSERT INTO transport_mailboxmessage (id, tenant_id, mailbox_id, body_id, folder, uid, message_id, internet_message_id,
  sender, from_header, to_header, subject, size, seen, received_at)
SELECT id, tenant_id, mailbox_id, message_id, 'inbox', uid, message_id, internet_message_id, sender, from_header,
  to_header, subject, size, false, received_at
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::uuid[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::bigint[], %s::timestamptz[])
  AS l (id, tenant_id, mailbox_id, uid, message_id, internet_message_id, sender, from_header, to_header, subject, size,
    received_at)
ON CONFLICT DO NOTHING
"""
_LETTER: Final[tuple[Callable[[Sequence[Any]], Column], ...]] = (
    *(uuids, uuids, uuids, integers, uuids, texts, texts, texts, texts, texts, integers, times),
)
_COUNT_LETTERS: Final = """
UPDATE tenants_mailbox m SET uid_next = c.uid_next, used_bytes = c.used_bytes
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS c (id, uid_next, used_bytes) WHERE m.id = c.id
"""


@dataclass(slots=True)
class _Mailbox:
    """A mailbox under lock, as the letters of this batch fill it."""

    id: UUID
    enabled: bool
    quota: int
    used_bytes: int
    uid_next: int
    known: set[UUID] = field(default_factory=set)
    is_changed: bool = False

    def take_in(self, message_id: UUID, size: int) -> int:
        """Make room for a letter and return its uid."""
        uid = self.uid_next
        self.uid_next += 1
        self.used_bytes += size
        self.known.add(message_id)
        self.is_changed = True
        return uid


@dataclass(frozen=True, slots=True)
class _Letter:
    mailbox_id: UUID
    uid: int
    message: ClaimedMessage
    size: int


async def deliver_to_mailboxes(connection: AsyncConnection[Any], claim: Claim) -> list[Report]:
    """Deliver what was claimed, in one transaction with the outcome. Return what became of it."""
    at = datetime.now(UTC)
    async with connection.transaction():
        mailboxes = await _lock_mailboxes(connection, claim)
        headers = await _load_headers(connection, claim.messages)
        letters: list[_Letter] = []
        reports = [_deliver(claim, message, mailboxes, headers, letters, at) for message in claim.messages]
        notices = await prepare_notices(connection, reports)
        await _store(connection, letters, headers, at)
        await _count(connection, mailboxes.values())
        await write_reports(connection, reports, notices)
        await take_in_reports(
            connection, [Letter(one.message, one.mailbox_id, headers[one.message.id]) for one in letters], at
        )
    return reports


async def _lock_mailboxes(connection: AsyncConnection[Any], claim: Claim) -> dict[UUID, _Mailbox]:
    pairs = [
        (delivery.mailbox_id, message.id)
        for message in claim.messages
        for delivery in message.deliveries
        if delivery.mailbox_id
    ]
    cursor = await connection.execute(_LOCK_MAILBOXES, [list({mailbox_id for mailbox_id, _ in pairs})])
    mailboxes = {row[0]: _Mailbox(*row) for row in await cursor.fetchall()}
    async with connection.cursor() as known:
        register_columns(known.adapters)
        await known.execute(_KNOWN_LETTERS, [uuids([box for box, _ in pairs]), uuids([letter for _, letter in pairs])])
        async for mailbox_id, message_id in known:
            if mailbox_id in mailboxes:
                mailboxes[mailbox_id].known.add(message_id)
    return mailboxes


async def _load_headers(connection: AsyncConnection[Any], messages: Sequence[ClaimedMessage]) -> dict[UUID, bytes]:
    cursor = await connection.execute(_HEADERS, [HEADER_OCTETS, [message.id for message in messages]], binary=True)
    return {row[0]: bytes(row[1]) for row in await cursor.fetchall()}


def _deliver(
    claim: Claim,
    message: ClaimedMessage,
    mailboxes: Mapping[UUID, _Mailbox],
    headers: Mapping[UUID, bytes],
    letters: list[_Letter],
    at: datetime,
) -> Report:
    """Judge each recipient of one message, and note the letters that are to be written."""
    results = []
    size = message.size + len(return_path(message.sender))
    for delivery in message.deliveries:
        mailbox = mailboxes.get(delivery.mailbox_id) if delivery.mailbox_id else None
        verdict = _verdict(mailbox, message, size, has_body=message.id in headers)
        if verdict.status is Outcome.DELIVERED and mailbox and message.id not in mailbox.known:
            letters.append(_Letter(mailbox.id, mailbox.take_in(message.id, size), message, size))
        results.append(Result(delivery, verdict, _next_attempt(claim, delivery, verdict, at)))
    return Report(message, claim.lease_id, tuple(results), at, delivered_as=(EventId.DELIVER, Source.STOREDRIVER))


def _verdict(mailbox: _Mailbox | None, message: ClaimedMessage, size: int, *, has_body: bool) -> Verdict:
    if mailbox is None:
        return _refusal(Outcome.PERMANENT, "delivery.mailbox_gone")
    if message.id in mailbox.known:
        return Verdict(Outcome.DELIVERED, STORED, "", Source.STOREDRIVER)
    if not has_body:
        return _refusal(Outcome.TRANSIENT, "delivery.store_failed")
    if not mailbox.enabled:
        return _refusal(Outcome.PERMANENT, "recipient.disabled")
    if size > mailbox.quota:
        return Verdict(Outcome.PERMANENT, TOO_LARGE, "mailbox.full", Source.STOREDRIVER)
    # Somebody may make room: it is tried again until it expires.
    if mailbox.used_bytes + size > mailbox.quota:
        return _refusal(Outcome.TRANSIENT, "mailbox.full")
    return Verdict(Outcome.DELIVERED, STORED, "", Source.STOREDRIVER)


def _refusal(status: Outcome, reason: str) -> Verdict:
    return Verdict(status, reply_for(reason), reason, Source.STOREDRIVER)


def _next_attempt(claim: Claim, delivery: ClaimedDelivery, verdict: Verdict, at: datetime) -> datetime | None:
    if verdict.status is not Outcome.TRANSIENT:
        return None
    return claim.clock.next_attempt(at, delivery.attempts + 1)


def return_path(sender: str) -> bytes:
    """Return the field that keeps the envelope sender, one line whatever the sender holds (RFC 5321 4.4)."""
    shown = "".join(character for character in sender if character.isprintable())
    return f"Return-Path: <{shown}>\r\n".encode("utf-8", "replace")


def to_header(header: bytes) -> str:
    """Return the To field for people, '' where there is none."""
    fields = iter_fields(read_header_block(header))
    return next((decoded(field.value) for field in fields if field.name.lower() == b"to"), "")


async def _store(
    connection: AsyncConnection[Any], letters: Sequence[_Letter], headers: Mapping[UUID, bytes], at: datetime
) -> None:
    if not letters:
        return
    messages = {letter.message.id: letter.message for letter in letters}
    async with connection.cursor() as cursor:
        register_columns(cursor.adapters)
        await cursor.execute(
            _STORE_BODIES,
            [uuids([*messages]), blobs([return_path(message.sender) for message in messages.values()])],
        )
        columns = zip(_LETTER, zip(*_letter_rows(letters, headers, at), strict=True), strict=True)
        await cursor.execute(_STORE_LETTERS, [encode(values) for encode, values in columns])


def _letter_rows(letters: Sequence[_Letter], headers: Mapping[UUID, bytes], at: datetime) -> Iterator[tuple[Any, ...]]:
    for letter in letters:
        message = letter.message
        yield (
            uuid7(),
            message.tenant_id,
            letter.mailbox_id,
            letter.uid,
            message.id,
            message.internet_message_id,
            message.sender,
            message.from_header,
            to_header(headers[message.id]),
            message.subject,
            letter.size,
            at,
        )


async def _count(connection: AsyncConnection[Any], mailboxes: Iterable[_Mailbox]) -> None:
    changed = [mailbox for mailbox in mailboxes if mailbox.is_changed]
    if not changed:
        return
    async with connection.cursor() as cursor:
        register_columns(cursor.adapters)
        await cursor.execute(
            _COUNT_LETTERS,
            [
                uuids([mailbox.id for mailbox in changed]),
                integers([mailbox.uid_next for mailbox in changed]),
                integers([mailbox.used_bytes for mailbox in changed]),
            ],
        )


assert Folder.INBOX.value == "inbox", "the statements above name it"
