"""Notices that come in from outside about what a tenant sent (RFC 3464): tied to its story, and acted upon.

A peer that took a message may find out only later that nobody is there. Its notice arrives as a letter in the sender's
mailbox; here it becomes an event of the message that it is about, and an address that will never work goes on the
tenant's suppression list. Nothing in a notice is proven. So it counts only if it came to the mailbox that sent the
message, quotes that message's Message-ID and names somebody the message went to.

Return paths carry no token for this (VERP): one would show in every peer's logs, would make an address of each message
that greylists and allow lists do not know, and RFC 3461 5.2.1 forbids to make up an ENVID for a client. What a notice
has to return anyway, the header of the message (RFC 3464 2, RFC 6522 3), says as much.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from tenants.identifiers import uuid7
from transport.delivery.classify import classify
from transport.delivery.outcome import Phase
from transport.dsn.recognise import IncomingReport, ReportedRecipient, recognise
from transport.message.address import InvalidAddress, parse_path
from transport.message.header import iter_fields, read_header_block
from transport.message.reply import Reply
from transport.models import EventId, Source
from transport.queue.claim import ClaimedMessage
from transport.routing.envelope import Origin
from transport.tracking.events import Subject, TrackingRow, ainsert_events, event

logger = logging.getLogger(__name__)

MAX_REPORT: Final = 262_144  # octets of a notice that are read; the header that it returns begins long before
SUPPRESSED_FOR: Final = timedelta(days=30)
# RFC 3463, RFC 7505: nobody is there, and nobody will be. Full mailboxes, policies and content come and go.
SUPPRESSING: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
REASONS: Final = frozenset({"peer.recipient_unknown", "peer.address_syntax", "peer.null_mx", "peer.mailbox_disabled"})
# Some say 5.1.1 to whomever they take for a spammer: their words then speak of that.
_POLICY = re.compile(r"spam|polic|block|black ?list|reputation|\brbl\b|\bspf\b|dkim|dmarc|content|virus|\brate\b", re.I)

# Whom a message of this mailbox went to. Who is not among them was not written to, whatever a notice says.
_SENT: Final = """
SELECT e.message_id, e.tenant_id, e.internet_message_id, e.sender, e.subject, e.size, e.incoming, e.recipients
FROM transport_trackingevent e
WHERE e.message_id_hash = hashtextextended(%(about)s::text, 0) AND e.internet_message_id = %(about)s
  AND e.tenant_id = %(tenant)s AND e.event_id IN ('SEND', 'TRANSFER')
  AND e.id >= first_uuid7_of(now() - interval '30 days')
  AND EXISTS (
    SELECT 1 FROM tenants_emailaddress a
    WHERE a.mailbox_id = %(mailbox)s AND lower(a.local_part || '@' || a.domain) = lower(e.sender))
ORDER BY e.id DESC LIMIT 100
"""
_SUPPRESS: Final = """
INSERT INTO transport_suppressedaddress AS s (id, tenant_id, address, key, reason, status, reply, reporting_mta,
  message_id, count, first_seen_at, last_seen_at, expires_at)
VALUES (%(id)s, %(tenant)s, %(address)s, %(key)s, %(reason)s, %(status)s, %(reply)s, %(reporting_mta)s, %(message)s, 1,
  %(at)s, %(at)s, %(until)s)
ON CONFLICT (tenant_id, key) DO UPDATE SET reason = excluded.reason, status = excluded.status, reply = excluded.reply,
  reporting_mta = excluded.reporting_mta, message_id = excluded.message_id, count = s.count + 1,
  last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was just put into a mailbox, and its header."""

    message: ClaimedMessage
    mailbox_id: UUID
    header: bytes


@dataclass(frozen=True, slots=True)
class _Sent:
    """One message that a notice may be about, with the addresses it went to by their keys."""

    story: Subject
    recipients: Mapping[str, str]


async def take_in_reports(connection: AsyncConnection[Any], letters: Sequence[Letter], at: datetime) -> None:
    """Tie what notices among these letters say to the messages they are about, inside the caller's transaction.

    A notice that trips us up must not cost anybody a letter: it is left as the letter that it is.
    """
    for letter in letters:
        if not _may_be_report(letter):
            continue
        try:
            async with connection.transaction():
                await _take_in(connection, letter, at)
        except psycopg.OperationalError:
            raise
        except Exception:
            logger.exception("The notice in message %s could not be read.", letter.message.id)


def _may_be_report(letter: Letter) -> bool:
    """Say by the envelope and the header alone whether to look further; our own notices tell nothing new."""
    if letter.message.sender or letter.message.origin == Origin.NOTICE.value:
        return False
    fields = iter_fields(read_header_block(letter.header))
    kind = next((field.value for field in fields if field.name.lower() == b"content-type"), b"")
    return kind.lower().startswith(b"multipart/report")


async def _take_in(connection: AsyncConnection[Any], letter: Letter, at: datetime) -> None:
    cursor = await connection.execute(
        "SELECT substr(content, 1, %s) FROM transport_messagebody WHERE id = %s",
        [MAX_REPORT, letter.message.id],
        binary=True,
    )
    row = await cursor.fetchone()
    report = recognise(bytes(row[0])) if row else None
    if report is None or not report.original_message_id:
        return
    sent = await _find_sent(connection, letter, report.original_message_id)
    told = [(one, *found) for one in report.recipients if (found := _whom(one, report, sent))]
    if not told:
        return
    rows = [_event(letter, report, one, about, address, at) for one, about, address in told]
    await ainsert_events(connection, [*rows, _own_event(letter, told[0][1], at)])
    suppressed = [_suppression(letter, report, one, about, at) for one, about, _ in told if is_hopeless(one)]
    hopeless = sorted(filter(None, suppressed), key=lambda parameters: str(parameters["key"]))
    for parameters in hopeless:
        await connection.execute(_SUPPRESS, parameters)
    if hopeless:
        # No version: nothing that waits has to be routed again for it, and who misses this notice reads afresh.
        await connection.execute("SELECT pg_notify('postroom_config', %s)", [str(letter.message.tenant_id)])


async def _find_sent(connection: AsyncConnection[Any], letter: Letter, about: str) -> list[_Sent]:
    """Return what this mailbox sent under this Message-ID, the newest first."""
    cursor = await connection.execute(
        _SENT, {"about": about, "tenant": letter.message.tenant_id, "mailbox": letter.mailbox_id}
    )
    found: dict[UUID, tuple[Subject, dict[str, str]]] = {}
    for *facts, recipients in await cursor.fetchall():
        _, known = found.setdefault(facts[0], (Subject(*facts), {}))
        known.update((key_of(address), address) for address in recipients)
    return [_Sent(story, known) for story, known in found.values()]


def _whom(one: ReportedRecipient, report: IncomingReport, sent: Sequence[_Sent]) -> tuple[_Sent, str] | None:
    """Return which message to which address a group is about; forwarding there shows us an address that we do not know.

    Who speaks of one recipient only means the only one that there was.
    """
    for about in sent:
        for address in filter(None, (one.address, one.original_address)):
            if (known := about.recipients.get(key_of(address))) is not None:
                return about, known
    if len(report.recipients) == 1 and len(sent) == 1 and len(sent[0].recipients) == 1:
        return sent[0], next(iter(sent[0].recipients.values()))
    return None


def key_of(address: str) -> str:
    """Return what makes two spellings the same address; one that cannot be read is like no other."""
    try:
        parsed = parse_path(address, smtputf8=True)
        return parsed.key if parsed else ""
    except InvalidAddress:
        return f" {address}"


def _event(
    letter: Letter, report: IncomingReport, one: ReportedRecipient, about: _Sent, address: str, at: datetime
) -> TrackingRow:
    failed = one.action == "failed"
    reporter = one.remote_mta or report.reporting_mta
    return event(
        about.story,
        EventId.FAIL if failed else EventId.REPORT,
        Source.DSN,
        [address],
        at=at,
        endpoint=reporter[:255],
        reply=one.reply,
        reason=_REASON_OF.get(one.action, "report.delivered"),
        reference=str(letter.message.id),
        detail={"action": one.action, "status": one.status, "final_recipient": one.address},
    )


_REASON_OF: Final = {"failed": "report.failed", "delayed": "report.delayed"}


def _own_event(letter: Letter, about: _Sent, at: datetime) -> TrackingRow:
    """Lead from the notice's own story to the message that it is about."""
    recipients = [one.recipient for one in letter.message.deliveries if one.mailbox_id == letter.mailbox_id]
    reference = str(about.story.message_id)
    return event(letter.message.story, EventId.REPORT, Source.DSN, recipients, at=at, reference=reference)


def is_hopeless(one: ReportedRecipient) -> bool:
    """Say whether an address is not worth another message: failed for good, and not because of what was sent."""
    status = _status_of(one)
    if one.action != "failed" or status not in SUPPRESSING:
        return False
    if one.reply and ((one.reply.code and not one.reply.is_permanent) or _POLICY.search(one.reply.text)):
        return False
    return _class_of(one) in REASONS


def _status_of(one: ReportedRecipient) -> str:
    return one.status or (one.reply.enhanced if one.reply and one.reply.enhanced else "")


def _class_of(one: ReportedRecipient) -> str:
    words = one.reply.text if one.reply else ""
    return classify(Phase.RCPT, Reply(550, _status_of(one), words))


def _suppression(
    letter: Letter, report: IncomingReport, one: ReportedRecipient, about: _Sent, at: datetime
) -> dict[str, Any] | None:
    """Return the row, where the address that failed is one that we wrote to and not one that it is forwarded to."""
    address = about.recipients.get(key_of(one.address or one.original_address))
    if address is None or len(address) > 320:
        return None
    return {
        "id": uuid7(),
        "tenant": letter.message.tenant_id,
        "address": address,
        "key": key_of(address),
        "reason": _class_of(one),
        "status": _status_of(one),
        "reply": str(one.reply) if one.reply else "",
        "reporting_mta": (one.remote_mta or report.reporting_mta)[:255],
        "message": about.story.message_id,
        "at": at,
        "until": at + SUPPRESSED_FOR,
    }
