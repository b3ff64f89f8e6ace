"""Taking a message in: from an envelope, its bytes and the routing decision to the rows that store it.

Each tenant concerned gets a message of its own (design §12.4). The tenant that sent to others only gets one
without body and deliveries: its tracking log tells that the message was handed over. `store` and `astore`
then write any number of accepted messages in one statement.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from tenants.limits import PLATFORM, Limits
from transport.dsn.fields import encode_xtext, utf8_address
from transport.message.header import HeaderDigest
from transport.message.received import received_field
from transport.models.queue import Delivery, queue_id_for
from transport.models.tracking import EventId, Source
from transport.queue.rows import Accepted, BodyRow, DeliveryRow, EventRow, MessageRow, QueueRow
from transport.queue.store import astore, store
from transport.routing.envelope import Client, Origin
from transport.routing.result import DeliveryType, NextHop, RoutedMessage, RoutedRecipient, Routing
from transport.routing.trace import Considered, Step

__all__ = ["Accepted", "Arrival", "RecipientOptions", "TenantTerms", "TraceHeader", "accept", "astore", "store"]


@dataclass(frozen=True, slots=True)
class RecipientOptions:
    """What the client asked for one recipient (RFC 3461 4.1, 4.2)."""

    notify: str = ""
    orcpt: str = ""


@dataclass(slots=True)
class TraceHeader:
    """What our Received field says (RFC 5321 4.4)."""

    by: str
    protocol: str
    tls: str | None = None
    hide_client: bool = False
    client_name: str = ""  # its host's, where a listed host told us


@dataclass(slots=True)
class Arrival:
    """The facts of one message's arrival; `recipients` holds options by the address as it was given."""

    sender: str
    client: Client
    received_at: datetime
    helo: str = ""
    recipients: Mapping[str, RecipientOptions] = field(default_factory=dict)
    is_8bit: bool = False
    smtputf8: bool = False
    envid: str = ""
    ret: str = ""
    require_tls: bool = False
    trace_header: TraceHeader | None = None
    reference: str = ""  # of a notice: the message that it is about


@dataclass(frozen=True, slots=True)
class TenantTerms:
    """How long a tenant's messages are tried, its limits, and the version of the configuration that routed them."""

    config_version: int
    expires_after: timedelta
    delay_notice_after: timedelta
    limits: Limits = PLATFORM


_SMTP: Final = Source.SMTP.value
_RECEIVE: Final = EventId.RECEIVE.value
_READY: Final = Delivery.State.READY.value
_NORMAL: Final = int(Delivery.Priority.NORMAL)
_LOW: Final = int(Delivery.Priority.LOW)
MANY_RECIPIENTS: Final = 50  # of one message; a letter to more than these is a mailing
_UNREACHABLE: Final = Delivery.State.UNREACHABLE.value
_ANONYMOUS: Final = Origin.ANONYMOUS.value
_SOURCES: Final = {
    Origin.API: Source.STOREDRIVER.value,
    Origin.CONSOLE: Source.STOREDRIVER.value,
    Origin.NOTICE: Source.DSN.value,
}
_NO_OPTIONS: Final = RecipientOptions()
_queue_id = lru_cache(maxsize=65_536)(queue_id_for)


def accept(
    arrival: Arrival,
    content: bytes,
    digest: HeaderDigest,
    routing: Routing,
    terms: Mapping[UUID, TenantTerms],
) -> tuple[Accepted, ...]:
    """Return what is to be stored, the sender's own tenant's part first; refusals are the caller's to tell."""
    parts = list(routing.messages)
    own = arrival.client.tenant_id
    others = [part for part in parts if part.tenant_id != own]
    if own is not None and parts and len(others) == len(parts):
        parts.insert(0, RoutedMessage(own, False, ()))
    intakes = [_Intake(arrival, content, digest, routing, part, terms[part.tenant_id]) for part in parts]
    if own is not None and others:
        return (intakes[0].accepted(handed_over=intakes[1:]), *(intake.accepted() for intake in intakes[1:]))
    return tuple(intake.accepted() for intake in intakes)


class _Identifiers:
    """UUIDv7 in the order in which they are asked for: events of one millisecond keep their order."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        milliseconds = time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF
        noise = _noise()
        # The top bit of the random part is left clear, so that counting on never runs into version or variant.
        self._next = milliseconds << 80 | 0x7 << 76 | (noise >> 66 & 0xFFF) << 64 | 0x2 << 62 | noise & (1 << 61) - 1

    def __call__(self) -> UUID:
        self._next += 1
        return UUID(int=self._next)


_pool = bytearray()


def _noise() -> int:
    """Return 80 random bits; the kernel is asked for many at a time."""
    if len(_pool) < 10:
        _pool[:] = os.urandom(4096)
    noise = int.from_bytes(_pool[-10:], "big")
    del _pool[-10:]
    return noise


class _Intake:
    """One tenant's part of a message while its rows are made."""

    __slots__ = (
        "arrival",
        "content",
        "digest",
        "id",
        "identifiers",
        "is_foreign",
        "message",
        "part",
        "priority",
        "routing",
        "terms",
    )

    def __init__(
        self,
        arrival: Arrival,
        content: bytes,
        digest: HeaderDigest,
        routing: Routing,
        part: RoutedMessage,
        terms: TenantTerms,
    ) -> None:
        self.arrival, self.digest, self.routing, self.part, self.terms = arrival, digest, routing, part, terms
        # A series apart: who knows the message's id cannot count on to those of its events and deliveries.
        self.identifiers = _Identifiers()
        self.id = _Identifiers()()
        own = arrival.client.tenant_id
        # Handed over from another tenant here, which is nobody's business to know more about.
        self.is_foreign = own is not None and own != part.tenant_id
        self.priority = _priority(arrival, digest, routing)
        self.content = self._trace_field() + content
        self.message = self._message_row()

    def accepted(self, handed_over: Sequence[_Intake] = ()) -> Accepted:
        queues: dict[UUID, QueueRow] = {}
        deliveries = tuple([self._delivery(recipient, queues) for recipient in self.part.recipients])
        events = [self._received()]
        events += [self._resolved(one) for one in self.part.recipients if one.address != one.original]
        if any(row.state == _UNREACHABLE for row in deliveries):
            events += self._unreachable(deliveries)
        events += [self._transferred(other) for other in handed_over]
        body = BodyRow(self.id, self.part.tenant_id, self.content) if deliveries else None
        return Accepted(self.message, body, tuple(queues.values()), deliveries, tuple(events))

    def _trace_field(self) -> bytes:
        header, arrival = self.arrival.trace_header, self.arrival
        if header is None:
            return b""
        only = self.part.recipients[0].original if len(self.part.recipients) == 1 else None
        return received_field(
            by=header.by,
            protocol=header.protocol,
            queue_id=str(self.id),
            when=arrival.received_at,
            helo=arrival.helo,
            client_address=arrival.client.address,
            client_name=header.client_name or None,
            recipient=only,
            tls=header.tls,
            hide_client=header.hide_client,
        )

    def _message_row(self) -> MessageRow:
        arrival, digest, client = self.arrival, self.digest, self.arrival.client
        is_foreign = self.is_foreign
        return MessageRow(
            id=self.id,
            tenant_id=self.part.tenant_id,
            sender=arrival.sender,
            internet_message_id=digest.message_id or "",
            from_header=digest.from_header,
            subject=digest.subject,
            size=len(self.content),
            origin=_ANONYMOUS if is_foreign else client.origin.value,
            incoming=self.part.incoming,
            client_address=None if is_foreign else client.address,
            client_name="" if is_foreign else arrival.helo,
            receive_connector="" if is_foreign else client.connector,
            mailbox_id=None if is_foreign else client.mailbox_id,
            is_8bit=arrival.is_8bit,
            smtputf8=arrival.smtputf8,
            auto_submitted=digest.is_automatic,
            envid=arrival.envid,
            # RFC 8689 5: of such a message a notice returns no more than the header.
            ret="HDRS" if arrival.require_tls else arrival.ret,
            received_at=arrival.received_at,
            expires_at=arrival.received_at + self.terms.expires_after,
            trace=_json_of_trace(self.routing, self.part, client.tenant_id),
            require_tls=arrival.require_tls,
        )

    def _delivery(self, recipient: RoutedRecipient, queues: dict[UUID, QueueRow]) -> DeliveryRow:
        hop, options, message = (
            _hop(recipient),
            self.arrival.recipients.get(recipient.original, _NO_OPTIONS),
            self.message,
        )
        kind = hop.delivery_type.value
        queue_id = _queue_id(message.tenant_id, kind, hop.domain, hop.connector_id)
        if queue_id not in queues:
            reason = recipient.reason_code or ""
            queues[queue_id] = QueueRow(queue_id, message.tenant_id, kind, hop.domain, hop.connector_id, reason)
        return DeliveryRow(
            id=self.identifiers(),
            tenant_id=message.tenant_id,
            message_id=message.id,
            queue_id=queue_id,
            recipient=recipient.address,
            original_recipient=options.orcpt or _orcpt(recipient),
            notify=options.notify,
            mailbox_id=recipient.mailbox_id,
            state=_UNREACHABLE if hop.delivery_type is DeliveryType.UNREACHABLE else _READY,
            config_version=self.terms.config_version,
            created_at=message.received_at,
            expires_at=message.expires_at,
            delay_notice_at=self._delay_notice_at(options.notify),
            reason=recipient.reason_code or "",
            priority=self.priority,
        )

    def _delay_notice_at(self, notify: str) -> datetime | None:
        # RFC 3461 4.1: without NOTIFY we may tell of delays; with it only where it says so.
        if not self.arrival.sender or (notify and "DELAY" not in notify.upper()):
            return None
        return self.message.received_at + self.terms.delay_notice_after

    def _received(self) -> EventRow:
        source = _SMTP if self.is_foreign else _SOURCES.get(self.arrival.client.origin, _SMTP)
        originals = [recipient.original for recipient in self.part.recipients]
        if not originals:
            originals = [one.original for other in self.routing.messages for one in other.recipients]
        detail = None if self.is_foreign or not self.arrival.helo else _helo_detail(self.arrival.helo)
        return self._event(_RECEIVE, source, originals, reference=self.arrival.reference, detail=detail)

    def _resolved(self, recipient: RoutedRecipient) -> EventRow:
        detail = _json({"original": recipient.original})
        return self._event(EventId.RESOLVE.value, Source.RESOLVER.value, [recipient.address], detail=detail)

    def _unreachable(self, deliveries: Sequence[DeliveryRow]) -> Iterator[EventRow]:
        by_reason: dict[str, list[str]] = {}
        for row in deliveries:
            if row.state == _UNREACHABLE:
                by_reason.setdefault(row.reason, []).append(row.recipient)
        for reason, addresses in by_reason.items():
            yield self._event(EventId.DEFER.value, Source.ROUTING.value, addresses, reason=reason)

    def _transferred(self, other: _Intake) -> EventRow:
        addresses = [recipient.original for recipient in other.part.recipients]
        return self._event(EventId.TRANSFER.value, Source.ROUTING.value, addresses, reference=str(other.id))

    def _event(
        self,
        event_id: str,
        source: str,
        recipients: Sequence[str],
        *,
        reason: str = "",
        reference: str = "",
        detail: str | None = None,
    ) -> EventRow:
        message = self.message
        return EventRow(
            id=self.identifiers(),
            tenant_id=message.tenant_id,
            at=message.received_at,
            event_id=event_id,
            source=source,
            message_id=message.id,
            internet_message_id=message.internet_message_id,
            sender=message.sender,
            recipients=_array_literal(recipients),
            subject=message.subject,
            size=message.size,
            incoming=message.incoming,
            client_address=message.client_address,
            connector=message.receive_connector,
            reason=reason,
            reference=reference,
            detail=detail,
        )


def _priority(arrival: Arrival, facts: HeaderDigest, routing: Routing) -> int:
    """Return low for what was sent in bulk, by its own word or by its many recipients; a notice is never that."""
    if not arrival.sender or arrival.client.origin is Origin.NOTICE:
        return _NORMAL
    many = sum([len(part.recipients) for part in routing.messages]) > MANY_RECIPIENTS
    return _LOW if many or facts.is_bulk else _NORMAL


def _hop(recipient: RoutedRecipient) -> NextHop:
    assert recipient.next_hop is not None, "only recipients with a next hop are part of a message"
    return recipient.next_hop


def _orcpt(recipient: RoutedRecipient) -> str:
    """Return the address before it was resolved, in the form of ORCPT (RFC 3461 4.2, RFC 6533 3)."""
    if recipient.original == recipient.address:
        return ""
    original = recipient.original
    return f"rfc822;{encode_xtext(original)}" if original.isascii() else f"utf-8;{utf8_address(original)}"


def _array_literal(values: Sequence[str]) -> str:
    quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join(quoted) + "}"


# jsonb refuses an escaped NUL; lone surrogates are replaced when the row is encoded.
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json(value: object) -> str:
    return _encode(value).replace("\\u0000", "")


@lru_cache(maxsize=4_096)
def _helo_detail(helo: str) -> str:
    return _json({"helo": helo})


def _json_of_trace(routing: Routing, part: RoutedMessage, own: UUID | None) -> str:
    """Return the decision as the tenant of this part may see it."""
    steps = routing.trace.for_tenant(part.tenant_id, unowned=own == part.tenant_id).steps
    return '{"steps":[' + ",".join([_json_of_step(step) for step in steps]) + "]}"


def _json_of_step(step: Step) -> str:
    """Return a step as JSON. Most steps are like others before: the same client, the same recipient."""
    # The candidates of a connection are one object for as long as it lasts, kept here so that its id stays its own.
    considered = step.considered
    key = (step.kind, step.subject, step.verdict, step.template, id(considered), *step.facts.values())
    if considered:
        seen = _weighed.get(key)
        if seen is None or seen[0] is not considered:
            if len(_weighed) >= MAX_WEIGHED:
                _weighed.clear()
            seen = _weighed[key] = (considered, _json(step.to_json()))
        return seen[1]
    known = _steps.get(key)
    if known is None:
        if len(_steps) >= MAX_STEPS:
            _steps.clear()
        known = _steps[key] = _json(step.to_json())
    return known


MAX_STEPS: Final = 16_384
MAX_WEIGHED: Final = 1_024
_weighed: dict[tuple[Hashable, ...], tuple[tuple[Considered, ...], str]] = {}
_steps: dict[tuple[Hashable, ...], str] = {}
