"""What the mail flow owns: messages, queues, deliveries, tracking, letters, signs of life. Read here, never edited."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from typing_extensions import override

from postroom.operators.bases import MOST_FOUND, ReadOnlyAdmin
from postroom.operators.configuration import addresses_named
from postroom.operators.words import title_of
from transport.models import (
    Delivery,
    Destination,
    Heartbeat,
    MailboxBody,
    MailboxMessage,
    Message,
    MessageBody,
    PressureChange,
    Queue,
    QueueOperation,
    RelayRefusal,
    TrackingEvent,
)
from transport.queue.across import QueueFilter, figures
from transport.queue.slots import PER_HOST
from transport.tracking.across import search_all
from transport.tracking.search import Filters


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    list_display = ["internet_message_id", "tenant", "sender", "subject", "size", "origin", "received_at"]
    list_select_related = ["tenant"]
    search_help_text = gettext_lazy("A Message-ID, our id, an envelope sender, or a tenant's slug.")

    @override
    def found_by(self, term: str) -> set[Any]:
        return messages_named(term)


def messages_named(term: str) -> set[UUID]:
    """Return messages by their id, their Message-ID or an address of theirs: the tracking log has the indexes."""
    ways = [Filters(message_id=term)]
    if "@" in term and not term.startswith("<"):
        ways = [Filters(sender=term), Filters(recipient=term)]
    return {event.message_id for way in ways for event in search_all(way, limit=MOST_FOUND)}


class BodyAdmin(ReadOnlyAdmin[Any]):
    """Which bodies there are, not what they say: people's letters are not the operator's to read."""

    fields = ["id", "tenant"]
    list_display = ["id", "tenant"]
    list_select_related = ["tenant"]
    search_fields = ["pk"]
    search_help_text = gettext_lazy("An id.")

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("content")


admin.site.register(MessageBody, BodyAdmin)
admin.site.register(MailboxBody, BodyAdmin)


@admin.register(Queue)
class QueueAdmin(ReadOnlyAdmin[Queue]):
    list_display = [
        "next_hop_domain",
        "tenant",
        "delivery_type",
        "suspended",
        "retry_count",
        "next_retry_at",
        "last_error_reason",
        "last_error_peer_text",
    ]
    list_filter = ["delivery_type", "suspended"]
    list_select_related = ["tenant"]
    search_help_text = gettext_lazy("A next hop, or a tenant's slug. The page “Queues” groups them.")

    @override
    def found_by(self, term: str) -> set[Any]:
        return set(figures(QueueFilter(next_hop=term)).values_list("pk", flat=True)[:MOST_FOUND])


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    list_display = ["recipient", "tenant", "queue", "state", "attempts", "next_attempt_at", "last_error_peer_text"]
    list_filter = ["state"]
    list_select_related = ["tenant", "queue"]
    search_help_text = gettext_lazy("A recipient, a sender, a Message-ID, or a tenant's slug.")

    @override
    def found_by(self, term: str) -> set[Any]:
        rows = Delivery.objects.filter(message_id__in=messages_named(term))
        return set(rows.values_list("pk", flat=True)[:MOST_FOUND])


@admin.register(TrackingEvent)
class TrackingEventAdmin(ReadOnlyAdmin[TrackingEvent]):
    list_display = ["at", "tenant", "event_id", "source", "sender", "recipients", "subject", "reason", "reply"]
    list_filter = ["event_id"]
    list_select_related = ["tenant"]
    search_help_text = gettext_lazy("A Message-ID, an address, or a tenant's slug. “Message tracking” finds more.")

    @override
    def found_by(self, term: str) -> set[Any]:
        rows = TrackingEvent.objects.filter(message_id__in=messages_named(term))
        return set(rows.values_list("pk", flat=True)[:MOST_FOUND])


@admin.register(MailboxMessage)
class MailboxMessageAdmin(ReadOnlyAdmin[MailboxMessage]):
    """Envelope facts only; subject and text stay the owner's."""

    fields = ["id", "tenant", "mailbox", "folder", "uid", "message_id", "sender", "size", "received_at"]
    list_display = ["mailbox", "tenant", "folder", "uid", "sender", "size", "received_at"]
    list_filter = ["folder"]
    list_select_related = ["mailbox", "tenant"]
    search_help_text = gettext_lazy("A mailbox's address, or a tenant's slug.")

    @override
    def found_by(self, term: str) -> set[Any]:
        mailboxes = {row.mailbox_id for row in addresses_named(term)}
        rows = MailboxMessage.objects.filter(mailbox__in=mailboxes).order_by("-uid")
        return set(rows.values_list("pk", flat=True)[:MOST_FOUND])


@admin.register(RelayRefusal)
class RelayRefusalAdmin(ReadOnlyAdmin[RelayRefusal]):
    list_display = ["domain", "count", "at", "sender", "recipient", "client_address"]
    search_fields = ["domain"]
    list_filter = ["at"]


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin[Heartbeat]):
    list_display = ["process", "kind", "at"]
    list_filter = ["kind"]
    search_fields = ["process__contains"]


@admin.register(QueueOperation)
class QueueOperationAdmin(ReadOnlyAdmin[QueueOperation]):
    exclude = ["queue_ids"]
    list_display = ["verb", "state", "operator_name", "queues", "messages", "tenants", "created_at", "finished_at"]
    list_filter = ["state", "verb"]
    search_fields = ["operator_name"]


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin[Destination]):
    """Hosts that get another number of connections than one that nothing is known about, the fewest first."""

    list_display = ["endpoint", "host", "connections", "of", "reduced_for", "reduced_at"]
    search_fields = ["endpoint__startswith", "host__startswith"]
    search_help_text = gettext_lazy("An address or a host's name, or its beginning.")

    @admin.display(description=gettext_lazy("of"))
    def of(self, row: Destination) -> int:
        return PER_HOST

    @admin.display(description=gettext_lazy("last reduced for"), ordering="reason")
    def reduced_for(self, row: Destination) -> str:
        return title_of(row.reason, f"{row.host} {row.endpoint}", row.host)


@admin.register(PressureChange)
class PressureChangeAdmin(ReadOnlyAdmin[PressureChange]):
    list_display = ["at", "process", "resource", "before", "level", "reading"]
    list_filter = ["resource", "level"]
    search_fields = ["process__contains"]
