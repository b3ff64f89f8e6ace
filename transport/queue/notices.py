"""Notices to senders (RFC 3464): what failed, is delayed or arrived, and when nobody is told (RFC 3461 4.1).

A notice is a message like any other: routed by the same function, stored in the transaction that makes it true.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import AsyncConnection

from tenants.identifiers import uuid7
from transport.delivery.outcome import Outcome
from transport.dsn.facts import Action, FailedRecipient, Side
from transport.dsn.facts import Report as DsnReport
from transport.dsn.report import COMPOSERS
from transport.dsn.text import Kind, Translate
from transport.message.encode import InvalidHeader
from transport.message.header import digest
from transport.models import EventId, Source
from transport.queue.claim import ClaimedDelivery, ClaimedMessage
from transport.queue.configuration import Configuration
from transport.queue.intake import Accepted, Arrival, accept
from transport.queue.outcomes import Report, Result, Verdict
from transport.queue.reader import Reader, language_asked_for, read_reader, translator
from transport.queue.snapshots import adecide
from transport.routing.envelope import Envelope, Origin, notice_client
from transport.routing.reasons import explain
from transport.routing.result import Routing
from transport.routing.route import route
from transport.routing.snapshot import Need, Snapshot
from transport.tracking.events import TrackingRow, event

logger = logging.getLogger(__name__)

MAX_RETURNED: Final = 100_000  # octets of the original that are looked at; beyond, its header is returned


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice ready to be stored, or the event that says why there is none; `about` recipients that fared so."""

    accepted: tuple[Accepted, ...] = ()
    events: tuple[TrackingRow, ...] = ()
    about: Outcome = Outcome.PERMANENT


async def prepare_notices(connection: AsyncConnection[Any], reports: Sequence[Report]) -> list[list[Notice]]:
    """Return for each report the notices that it has coming, composed and routed; stores nothing."""
    told = [report for report in reports if report.may_be_told]
    if not told:
        return [[] for _ in reports]
    office = NoticeOffice(connection)
    missing = [report.message.id for report in told if report.content is None]
    originals = await load_originals(connection, missing) if missing else {}
    prepared = []
    for report in reports:
        original = originals.get(report.message.id, b"") if report.content is None else report.content
        prepared.append(await _notices_of(office, report, original) if report.may_be_told else [])
    return prepared


async def _notices_of(office: NoticeOffice, report: Report, original: bytes) -> list[Notice]:
    notices = []
    if failed := report.with_status(Outcome.PERMANENT):
        notices.append(await office.failure(report.message, failed, original, report.at))
    if delivered := report.with_status(Outcome.DELIVERED):
        notices.append(await office.success(report.message, delivered, original, report.at))
    return notices


async def load_originals(connection: AsyncConnection[Any], message_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """Return as much of the messages' bytes as a notice may quote."""
    cursor = await connection.execute(
        "SELECT id, substr(content, 1, %s) FROM transport_messagebody WHERE id = ANY(%s)",
        [MAX_RETURNED + 1, list(message_ids)],
        binary=True,
    )
    return {row[0]: bytes(row[1]) for row in await cursor.fetchall()}


class NoticeOffice:
    """Composes and routes notices, with one reading of the configuration for all that it writes."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._configuration = Configuration()

    async def failure(
        self, message: ClaimedMessage, results: Sequence[Result], original: bytes, at: datetime
    ) -> Notice:
        """Tell the sender that these recipients will not get the message."""
        wanted = [result for result in results if wants(result.delivery, "FAILURE")]
        if why := suppression(message, wanted):
            return _suppressed(message, results, why, at)
        return await self._write(message, wanted, original, at, Kind.FAILURE)

    async def success(
        self, message: ClaimedMessage, results: Sequence[Result], original: bytes, at: datetime
    ) -> Notice:
        """Tell a sender who asked what is in its mailbox, or with a next hop that will not tell (RFC 3461 5.2)."""
        wanted = [
            result for result in results if asks_for_success(result.delivery) and not result.verdict.dsn_passed_on
        ]
        if not wanted:
            return Notice(about=Outcome.DELIVERED)
        if why := suppression(message, wanted):
            notice = _suppressed(message, wanted, why, at)
        else:
            notice = await self._write(message, wanted, original, at, Kind.SUCCESS)
        return replace(notice, about=Outcome.DELIVERED)

    async def delay(
        self, message: ClaimedMessage, results: Sequence[Result], original: bytes, at: datetime, until: datetime
    ) -> Notice:
        """Tell the sender that we are still trying, and until when."""
        wanted = [result for result in results if wants(result.delivery, "DELAY")]
        if suppression(message, wanted):
            return Notice()
        return await self._write(message, wanted, original, at, Kind.DELAY, until)

    async def _write(
        self,
        message: ClaimedMessage,
        results: Sequence[Result],
        original: bytes,
        at: datetime,
        kind: Kind,
        until: datetime | None = None,
    ) -> Notice:
        routing = await self._route(message)
        if routing.refused:
            reason = routing.refused[0].refusal.reason_code if routing.refused[0].refusal else "notice.undeliverable"
            return _suppressed(message, results, reason, at)
        reader = await read_reader(self._connection, message, routing, language_asked_for(original))
        with translator(reader.language) as translate:
            report = self._report(message, results, original, at, kind, until, reader, translate)
            try:
                content = COMPOSERS[kind](report, translate)
            except InvalidHeader:
                logger.warning("No notice about %s: its sender cannot be written to.", message.id)
                return _suppressed(message, results, "notice.undeliverable", at)
        arrival = Arrival(
            sender="",
            client=notice_client(message.tenant_id),
            received_at=at,
            is_8bit=not content.isascii(),
            smtputf8=not message.sender.isascii(),
            reference=str(message.id),
        )
        accepted = accept(arrival, content, digest(content), routing, self._configuration.terms)
        return Notice(accepted, (_told(message, results, accepted, at, kind.value),))

    async def _route(self, message: ClaimedMessage) -> Routing:
        client = notice_client(message.tenant_id)

        def decide(snapshot: Snapshot) -> Routing | Need:
            # The tenant's own configuration is wanted whatever the recipient's domain is: it names the postmaster.
            if message.tenant_id not in snapshot.tenants:
                return Need(tenants=frozenset({message.tenant_id}))
            return route(Envelope("", (message.sender,), 0, client), snapshot)

        return await adecide(self._connection, self._configuration, decide)

    def _report(
        self,
        message: ClaimedMessage,
        results: Sequence[Result],
        original: bytes,
        at: datetime,
        kind: Kind,
        until: datetime | None,
        reader: Reader,
        translate: Translate,
    ) -> DsnReport:
        hostname = settings.POSTROOM_HOSTNAME
        return DsnReport(
            reporting_mta=hostname,
            postmaster=self.postmaster(message.tenant_id),
            sender=message.sender,
            message_id=f"<{uuid7()}@{hostname}>",
            date=at,
            recipients=tuple(_recipient(result, kind, at, translate) for result in results),
            original=original,
            arrival_date=message.received_at,
            envelope_id=message.envid or None,
            will_retry_until=until,
            timeline_url=reader.timeline_url,
            max_original=MAX_RETURNED,
            # RFC 3461 4.3: what RET says is about failures; of what arrives or may yet, the header is enough.
            headers_only=message.ret.upper() == "HDRS" or kind is not Kind.FAILURE,
            # Raw UTF-8 in a header may only travel in message/global (RFC 6532 3.7): such a header is quoted instead.
            allow_8bit=not message.smtputf8,
        )

    def postmaster(self, tenant_id: UUID) -> str:
        """Return postmaster at the tenant's default domain, as Exchange does."""
        tenant = self._configuration.tenants.get(tenant_id)
        domains = [entry.name for entry in tenant.domains if entry.is_default] if tenant else []
        return f"postmaster@{domains[0] if domains else settings.POSTROOM_HOSTNAME}"


def wants(delivery: ClaimedDelivery, what: str) -> bool:
    """RFC 3461 4.1: without NOTIFY we tell of failures and may tell of delays; with it, only of what it names."""
    return not delivery.notify or what in {word.strip() for word in delivery.notify.upper().split(",")}


def asks_for_success(delivery: ClaimedDelivery) -> bool:
    return "SUCCESS" in {word.strip() for word in delivery.notify.upper().split(",")}


def suppression(message: ClaimedMessage, wanted: Sequence[Result]) -> str:
    """Return the reason code for telling nobody, or ''."""
    if not message.sender:
        return "notice.null_sender"  # RFC 5321 6.1: never a notice about a notice
    if message.auto_submitted or message.origin == Origin.NOTICE.value:
        return "notice.automatic"  # RFC 3834 2
    return "" if wanted else "notice.not_wanted"


def _suppressed(message: ClaimedMessage, results: Sequence[Result], reason: str, at: datetime) -> Notice:
    recipients = [result.delivery.recipient for result in results]
    return Notice((), (event(message.story, EventId.SUPPRESSED, Source.DSN, recipients, at=at, reason=reason),))


def _told(
    message: ClaimedMessage, results: Sequence[Result], accepted: Sequence[Accepted], at: datetime, kind: str
) -> TrackingRow:
    detail = {"kind": kind, "about": [result.delivery.recipient for result in results]}
    reference = str(accepted[0].id) if accepted else ""
    return event(message.story, EventId.DSN, Source.DSN, [message.sender], at=at, reference=reference, detail=detail)


def _recipient(result: Result, kind: Kind, at: datetime, translate: Translate) -> FailedRecipient:
    if kind is Kind.SUCCESS:
        return _reached(result, at)
    verdict, delivery = result.verdict, result.delivery
    words, delayed = verdict.words, kind is Kind.DELAY
    explanation = explain(verdict.reason, translate=translate, **facts_of(verdict, delivery.recipient))
    # Time ran out for all alike: on whose side the cause lies, the error says that stood in the way.
    side = explain(verdict.cause_reason).side if verdict.cause_reason else explanation.side
    return FailedRecipient(
        address=delivery.recipient,
        reply=words,
        action=Action.DELAYED if delayed else Action.FAILED,
        status=verdict.reply.enhanced or words.enhanced,
        orcpt=delivery.original_recipient or None,
        remote_mta=verdict.host or None if verdict.peer_reply else None,
        # A delay is told of some time after the attempt.
        last_attempt_at=datetime.now(UTC) if verdict.phase and not delayed else None,
        explanation=f"{explanation.text} ({verdict.cause})" if verdict.cause else explanation.text,
        side=Side(side.value),
    )


def _reached(result: Result, at: datetime) -> FailedRecipient:
    verdict, delivery = result.verdict, result.delivery
    in_mailbox = verdict.source is Source.STOREDRIVER
    return FailedRecipient(
        address=delivery.recipient,
        reply=verdict.words,
        action=Action.DELIVERED if in_mailbox else Action.RELAYED,
        status=verdict.words.enhanced,
        orcpt=delivery.original_recipient or None,
        remote_mta=verdict.host or None,
        last_attempt_at=at,
    )


def facts_of(verdict: Verdict, recipient: str) -> Mapping[str, Any]:
    """Return what the registry's texts may name."""
    return {
        "recipient": recipient,
        "domain": recipient.rpartition("@")[2],
        "host": verdict.host or recipient.rpartition("@")[2],
        "endpoint": verdict.endpoint,
        "phase": verdict.phase,
        "reply": verdict.words,
    }
