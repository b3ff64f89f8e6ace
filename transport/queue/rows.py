"""The rows that taking a message in makes, in the order of their columns in transport/queue/store.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class MessageRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    sender: str
    internet_message_id: str
    from_header: str
    subject: str
    size: int
    origin: str
    incoming: bool
    client_address: str | None
    client_name: str
    receive_connector: str
    mailbox_id: UUID | None
    is_8bit: bool
    smtputf8: bool
    auto_submitted: bool
    envid: str
    ret: str
    received_at: datetime
    expires_at: datetime
    trace: str | None
    require_tls: bool = False


class BodyRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    content: bytes


class QueueRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    delivery_type: str
    next_hop_domain: str
    connector_id: UUID | None
    reason: str


class DeliveryRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    message_id: UUID
    queue_id: UUID
    recipient: str
    original_recipient: str
    notify: str
    mailbox_id: UUID | None
    state: str
    config_version: int
    created_at: datetime
    expires_at: datetime
    delay_notice_at: datetime | None
    reason: str
    priority: int = 0


class EventRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    at: datetime
    event_id: str
    source: str
    message_id: UUID
    internet_message_id: str
    sender: str
    recipients: str  # an array's literal
    subject: str
    size: int
    incoming: bool
    client_address: str | None
    connector: str
    reason: str
    reference: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message of one tenant as rows, ready to be stored."""

    message: MessageRow
    body: BodyRow | None
    queues: tuple[QueueRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    events: tuple[EventRow, ...]

    @property
    def id(self) -> UUID:
        return self.message.id
