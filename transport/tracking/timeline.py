"""The whole story of one message: every event in order, its notices and hand-overs, and what it waits for now.

Each entry says why in the words of the registry of reasons, beside the peer's own. Call it inside a scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext

from transport.message.reply import Reply
from transport.models import Delivery, DeliveryType, Message, Queue, TrackingEvent
from transport.queue.configuration import Configuration
from transport.queue.obstacle import connector_facts
from transport.routing.reasons import Explanation, explain

MAX_EVENTS: Final = 1000
MAX_WAITING: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, or, with `is_current`, what recipients wait for at this moment.

    `reply` holds the words that decided it, the peer's verbatim; `text` Exchange's outer words where they differ.
    `reference` leads to a notice, a hand-over or the message that a notice is about, where that has a story, too.
    """

    at: datetime
    event_id: str
    source: str
    recipients: tuple[str, ...]
    id: UUID | None = None
    reply: Reply | None = None
    text: str = ""
    explanation: Explanation | None = None
    phase: str = ""
    endpoint: str = ""
    connector: str = ""
    tls: Mapping[str, Any] | None = None
    attempt: int | None = None
    milliseconds: int | None = None
    next_attempt_at: datetime | None = None
    reference: str = ""
    is_current: bool = False
    state: str = ""
    queue_id: UUID | None = None
    is_redirected: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        return self.explanation.code if self.explanation else ""

    def to_json(self) -> dict[str, Any]:
        """Return the entry for programs."""
        reply = self.reply
        return {
            "at": self.at.isoformat(),
            "event_id": self.event_id,
            "source": self.source,
            "recipients": list(self.recipients),
            "code": reply.code if reply else None,
            "enhanced": (reply.enhanced or "") if reply else "",
            "reply": reply.text if reply else "",
            "text": self.text,
            "reason": self.explanation.to_json() if self.explanation else None,
            "phase": self.phase,
            "endpoint": self.endpoint,
            "connector": self.connector,
            "tls": dict(self.tls) if self.tls else None,
            "attempt": self.attempt,
            "milliseconds": self.milliseconds,
            "next_attempt_at": self.next_attempt_at.isoformat() if self.next_attempt_at else None,
            "reference": self.reference,
            "is_current": self.is_current,
            "state": self.state,
            "queue_id": str(self.queue_id) if self.queue_id else None,
            "is_redirected": self.is_redirected,
            "detail": dict(self.detail),
        }


def timeline(tenant_id: UUID, message_id: UUID) -> list[Entry]:
    """Return the story of a message of the tenant, oldest first; empty where there is no such message."""
    events = list(
        TrackingEvent.objects.filter(tenant_id=tenant_id, message_id=message_id).order_by("at", "id")[:MAX_EVENTS]
    )
    waiting = Delivery.objects.filter(tenant_id=tenant_id, message_id=message_id).select_related("queue").order_by("id")
    message = Message.objects.filter(tenant_id=tenant_id, pk=message_id).first()
    return [*(_told(row) for row in events), *_current(list(waiting[:MAX_WAITING]), message)]


def _told(row: TrackingEvent) -> Entry:
    detail: dict[str, Any] = row.detail if isinstance(row.detail, dict) else {}
    reply = Reply(row.code or 0, row.enhanced or None, row.reply) if row.reply or row.code else None
    next_attempt_at = detail.get("next_attempt_at")
    return Entry(
        at=row.at,
        id=row.id,
        event_id=row.event_id,
        source=row.source,
        recipients=tuple(row.recipients),
        reply=reply,
        text=str(detail.get("text", "")),
        explanation=_explained(row.reason, _facts_of_event(row, detail)) if row.reason else None,
        phase=str(detail.get("phase", "")),
        endpoint=row.server_endpoint,
        connector=row.connector,
        tls=detail.get("tls"),
        attempt=detail.get("attempt"),
        milliseconds=detail.get("milliseconds"),
        next_attempt_at=datetime.fromisoformat(next_attempt_at) if next_attempt_at else None,
        reference=row.reference,
        detail=detail,
    )


def _facts_of_event(row: TrackingEvent, detail: Mapping[str, Any]) -> dict[str, Any]:
    host, _, endpoint = row.server_endpoint.rpartition(" ")
    recipient = row.recipients[0] if row.recipients else ""
    return {
        "recipient": recipient,
        "domain": recipient.rpartition("@")[2],
        "sender": row.sender,
        "sender_domain": row.sender.rpartition("@")[2],
        "size": row.size,
        "connector": row.connector,
        "host": host or recipient.rpartition("@")[2],
        "endpoint": endpoint,
        "phase": detail.get("phase", ""),
        "reply": row.reply,
        "target": detail.get("target", ""),
    }


def _current(rows: Sequence[Delivery], message: Message | None) -> list[Entry]:
    """Say what recipients wait for, those together that wait for the same."""
    groups: dict[tuple[object, ...], list[Delivery]] = {}
    for row in rows:
        key = (row.queue_id, row.state, row.pending, row.last_error_reason, row.last_error_peer_text, row.attempts)
        groups.setdefault(key, []).append(row)
    return [_waiting(group, message) for group in groups.values()]


def _waiting(rows: Sequence[Delivery], message: Message | None) -> Entry:
    row = rows[0]
    # The message's own error says more than its queue's; a queue that nobody reaches has one for all that wait in it.
    error: Delivery | Queue = row if row.last_error_text or row.last_error_reason else row.queue
    reply = Reply(error.last_error_code or 0, error.last_error_enhanced or None, error.last_error_text)
    peer = error.last_error_peer_text
    reason = waiting_reason(row)
    return Entry(
        at=error.last_error_at or row.created_at,
        event_id="WAITING",
        source="QUEUE",
        recipients=tuple(one.recipient for one in rows),
        reply=Reply(0, None, peer) if peer else (reply if reply.text else None),
        text=str(reply) if peer and reply.text else "",
        explanation=_explained(reason, facts_of_waiting(row, error, message)) if reason else None,
        phase=error.last_error_phase,
        endpoint=error.last_error_endpoint,
        attempt=row.attempts,
        next_attempt_at=_next_attempt(row),
        is_current=True,
        state=row.pending or row.state,
        queue_id=row.queue_id,
        is_redirected=row.is_redirected,
    )


def waiting_reason(row: Delivery) -> str:
    """Return the reason code for a delivery's waiting: what an administrator did, then what stands in its way."""
    if row.state == Delivery.State.POISON:
        return "queue.poison"
    if row.queue.suspended:
        return "queue.suspended"
    if row.state == Delivery.State.SUSPENDED:
        return "delivery.suspended"
    if row.state == Delivery.State.HELD:
        return "delivery.held_by_suspension" if row.held_by else "delivery.held"
    return row.last_error_reason or row.queue.last_error_reason or ("queue.redirected" if row.is_redirected else "")


def _next_attempt(row: Delivery) -> datetime | None:
    if row.state not in (Delivery.State.READY, Delivery.State.RETRY) or row.queue.suspended:
        return None
    queue_at = row.queue.next_retry_at
    return max(row.next_attempt_at, queue_at) if queue_at else row.next_attempt_at


def facts_of_waiting(
    row: Delivery, error: Delivery | Queue, message: Message | None, configuration: Configuration | None = None
) -> dict[str, Any]:
    """Return what the reason's words are filled with; a `configuration` serves many rows of one page."""
    host, _, endpoint = error.last_error_endpoint.rpartition(" ")
    domain = row.recipient.rpartition("@")[2]
    sender = message.sender if message else ""
    return {
        "recipient": row.recipient,
        "domain": domain,
        "sender": sender,
        "sender_domain": sender.rpartition("@")[2],
        "mailbox_id": message.mailbox_id if message else None,
        "size": message.size if message else None,
        "queue_id": row.queue_id,
        "message_id": row.message_id,
        "target": row.queue.next_hop_domain,
        "connector_id": row.queue.connector_id,
        "host": host or domain,
        "endpoint": endpoint,
        "phase": error.last_error_phase,
        "reply": error.last_error_peer_text,
        "crashes": row.crashes,
        "next_retry_at": _next_attempt(row),
        "is_unreachable": row.queue.delivery_type == DeliveryType.UNREACHABLE,
        **connector_facts(
            error.last_error_reason,
            row.tenant_id,
            row.recipient,
            connector_id=row.queue.connector_id,
            size=message.size if message else 0,
            configuration=configuration,
        ),
    }


def _explained(reason: str, facts: Mapping[str, Any]) -> Explanation:
    return explain(reason, translate=gettext, **facts)
