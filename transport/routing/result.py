"""What a routing decision says: the next hop of each recipient, one message for each tenant, and the refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from transport.message.reply import Reply
from transport.routing.trace import Trace

# Exchange's NextHopDomain of the queue for recipients without a route, and ours of the one for mailboxes.
UNREACHABLE_DOMAIN: Final = "Unreachable Domain"
MAILBOX_DOMAIN: Final = "Mailboxes"


class DeliveryType(StrEnum):
    MAILBOX = "smtp_delivery_to_mailbox"
    DNS_CONNECTOR = "dns_connector_delivery"
    SMART_HOST_CONNECTOR = "smart_host_connector_delivery"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class NextHop:
    """Exchange's NextHopSolutionKey: recipients with the same one share a queue."""

    delivery_type: DeliveryType
    domain: str
    connector_id: UUID | None = None


MAILBOX_HOP: Final = NextHop(DeliveryType.MAILBOX, MAILBOX_DOMAIN)
UNREACHABLE_HOP: Final = NextHop(DeliveryType.UNREACHABLE, UNREACHABLE_DOMAIN)

_NO_FACTS: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not; `facts` are what `explain(reason_code, **facts)` fills its text with."""

    reason_code: str
    reply: Reply
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoutedRecipient:
    """One recipient's fate. `address` is what goes on, `original` what was asked for.

    `reason_code` and `facts` say why it waits (next hop unreachable); a refused one has `refusal` instead.
    """

    original: str
    address: str
    next_hop: NextHop | None = None
    refusal: Refusal | None = None
    mailbox_id: UUID | None = None
    reason_code: str | None = None
    facts: Mapping[str, Any] = field(default_factory=lambda: _NO_FACTS)


@dataclass(frozen=True, slots=True)
class RoutedMessage:
    """The part of a message that belongs to one tenant; `incoming`: to be treated as coming from outside."""

    tenant_id: UUID
    incoming: bool
    recipients: tuple[RoutedRecipient, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """The whole decision. `merged` recipients lead where another one already does and get no copy of their own."""

    messages: tuple[RoutedMessage, ...]
    refused: tuple[RoutedRecipient, ...]
    trace: Trace
    merged: tuple[RoutedRecipient, ...] = ()
    sender_refusal: Refusal | None = None
