"""What the mail flow owns: messages, queues, deliveries, tracking, letters, signs of life. Read here, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from typing_extensions import override

from postroom.operators.bases import ReadOnlyAdmin
from transport.models import (
    Delivery,
    Heartbeat,
    MailboxBody,
    MailboxMessage,
    Message,
    MessageBody,
    PressureChange,
    Queue,
    RelayRefusal,
    TrackingEvent,
)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    list_display = ["internet_message_id", "tenant", "sender", "subject", "size", "origin", "received_at"]
    list_select_related = ["tenant"]
    search_fields = ["=internet_message_id", "=sender"]
    ordering = ["-id"]


class BodyAdmin(ReadOnlyAdmin[Any]):
    """Which bodies there are, not what they say: people's letters are not the operator's to read."""

    fields = ["id", "tenant"]
    list_display = ["id", "tenant"]
    list_select_related = ["tenant"]
    ordering = ["-id"]

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
    search_fields = ["next_hop_domain", "tenant__slug"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    list_display = ["recipient", "tenant", "queue", "state", "attempts", "next_attempt_at", "last_error_peer_text"]
    list_filter = ["state"]
    list_select_related = ["tenant", "queue"]
    search_fields = ["=recipient"]
    ordering = ["-id"]


@admin.register(TrackingEvent)
class TrackingEventAdmin(ReadOnlyAdmin[TrackingEvent]):
    list_display = ["at", "tenant", "event_id", "source", "sender", "recipients", "subject", "reason", "reply"]
    list_filter = ["event_id", "source"]
    list_select_related = ["tenant"]
    search_fields = ["=sender", "=internet_message_id"]


@admin.register(MailboxMessage)
class MailboxMessageAdmin(ReadOnlyAdmin[MailboxMessage]):
    """Envelope facts only; subject and text stay the owner's."""

    fields = ["id", "tenant", "mailbox", "folder", "uid", "message_id", "sender", "size", "received_at"]
    list_display = ["mailbox", "tenant", "folder", "uid", "sender", "size", "received_at"]
    list_filter = ["folder"]
    list_select_related = ["mailbox", "tenant"]
    ordering = ["-id"]


@admin.register(RelayRefusal)
class RelayRefusalAdmin(ReadOnlyAdmin[RelayRefusal]):
    list_display = ["domain", "count", "at", "sender", "recipient", "client_address"]
    search_fields = ["domain"]
    ordering = ["-id"]


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin[Heartbeat]):
    list_display = ["process", "kind", "at"]
    list_filter = ["kind"]


@admin.register(PressureChange)
class PressureChangeAdmin(ReadOnlyAdmin[PressureChange]):
    list_display = ["at", "process", "resource", "before", "level", "reading"]
    list_filter = ["resource", "level"]
    ordering = ["-id"]
