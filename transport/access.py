"""Reads of the mail flow's things that a user names: inside the tenant, 404 for strangers (see tenants/access.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from tenants.models import Mailbox
from transport.models import (
    BulkOperation,
    Delivery,
    MailboxMessage,
    Message,
    MessageBody,
    ProtocolTranscript,
    Queue,
    ReceiveConnector,
    SendConnector,
    SuppressedAddress,
)
from transport.queue.bounces import key_of


@dataclass(frozen=True, slots=True)
class RelayRefusals:
    """How often outsiders were told `550 5.7.1 Unable to relay` for a domain, over the last 7 days."""

    domain: str
    refused: int
    last_at: datetime
    sender: str
    recipient: str


def send_connectors(tenant_id: UUID) -> QuerySet[SendConnector]:
    return SendConnector.objects.filter(tenant_id=tenant_id).prefetch_related("address_spaces", "smart_hosts")


def receive_connectors(tenant_id: UUID) -> QuerySet[ReceiveConnector]:
    return ReceiveConnector.objects.filter(tenant_id=tenant_id)


def transcripts(tenant_id: UUID, message_id: UUID) -> list[ProtocolTranscript]:
    """Return the protocol log of the transaction that brought this message, the tenant's own lines."""
    rows = ProtocolTranscript.objects.filter(tenant_id=tenant_id, message_id=message_id)
    return list(rows.order_by("id")[:MOST_TRANSCRIPTS])


def protocol_log(tenant_id: UUID) -> QuerySet[ProtocolTranscript]:
    """Return the transactions of the protocol log that brought this tenant's mail."""
    return ProtocolTranscript.objects.filter(tenant_id=tenant_id)


def transcripts_of_session(tenant_id: UUID, session_id: UUID) -> list[ProtocolTranscript]:
    """Return the tenant's own transactions of one session, in their order; raise Http404 where there are none."""
    rows = ProtocolTranscript.objects.filter(tenant_id=tenant_id, session_id=session_id)
    found = list(rows.order_by("id")[:MOST_TRANSCRIPTS])
    if not found:
        raise Http404
    return found


MOST_TRANSCRIPTS = 100


def queues(tenant_id: UUID) -> QuerySet[Queue]:
    return Queue.objects.filter(tenant_id=tenant_id)


def deliveries(tenant_id: UUID) -> QuerySet[Delivery]:
    return Delivery.objects.filter(tenant_id=tenant_id).select_related("message", "queue")


def bulk_operations(tenant_id: UUID) -> QuerySet[BulkOperation]:
    """Return the operations without the long lists of what they hit."""
    return BulkOperation.objects.filter(tenant_id=tenant_id).defer("ids", "changed_ids")


def messages(tenant_id: UUID) -> QuerySet[Message]:
    return Message.objects.filter(tenant_id=tenant_id)


def message_source(tenant_id: UUID, message_id: UUID) -> bytes:
    """Return the bytes of a message in transport, or raise Http404 where they are gone."""
    found = MessageBody.objects.filter(tenant_id=tenant_id, pk=message_id).values_list("content", flat=True).first()
    if found is None:
        raise Http404
    return bytes(found)


def letters(mailbox: Mailbox) -> QuerySet[MailboxMessage]:
    return MailboxMessage.objects.filter(tenant_id=mailbox.tenant_id, mailbox=mailbox)


def suppressed_addresses(tenant_id: UUID, beginning: str = "") -> QuerySet[SuppressedAddress]:
    """Return the addresses that are not written to now; `beginning` narrows to those that begin so."""
    rows = SuppressedAddress.objects.filter(tenant_id=tenant_id, expires_at__gt=timezone.now())
    if not beginning:
        return rows
    # A range instead of LIKE, which finds no index under row-level security (design §12.8).
    start = key_of(beginning) if "@" in beginning else beginning.casefold()
    return rows.filter(key__gte=start.strip(), key__lt=f"{start.strip()}\U0010ffff")


def relay_refusals() -> list[RelayRefusals]:
    """Return the refused domains that the scope's tenant may care about (design §12.12), most refused first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT domain, refused, last_at, sender, recipient FROM relay_refusals()")
        return [RelayRefusals(*row) for row in cursor.fetchall()]
