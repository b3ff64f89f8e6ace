"""`messages/`: sending one, structured or raw; and the whole story of one."""

from __future__ import annotations

import base64
from typing import Any
from uuid import uuid4

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet
from typing_extensions import override

from postroom.api.scoped import ScopedView
from postroom.api.viewsets import IDEMPOTENCY, TENANT
from tenants.access import mailbox_of_address, one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import messages
from transport.actions.send import send_message
from transport.message.address import InvalidAddress
from transport.message.compose import Attachment, ComposedMessage, InvalidHeader, compose
from transport.message.lines import normalise_newlines
from transport.message.mailbox import Mailbox, parse_mailbox
from transport.routing.envelope import Origin
from transport.tracking.timeline import timeline


class AttachmentSerializer(serializers.Serializer[Any]):
    filename = serializers.CharField(max_length=255)
    content_type = serializers.CharField(max_length=127, default="application/octet-stream")
    content = serializers.CharField(help_text="Base64.")

    def validate_content(self, value: str) -> bytes:
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise serializers.ValidationError("This is not Base64.") from None


class SendSerializer(serializers.Serializer[Any]):
    sender = serializers.CharField(
        required=False, max_length=320, help_text="Envelope sender; the address of `from` where it is left out."
    )
    to = serializers.ListField(child=serializers.CharField(max_length=998), allow_empty=False)
    cc = serializers.ListField(child=serializers.CharField(max_length=998), default=list)
    bcc = serializers.ListField(child=serializers.CharField(max_length=998), default=list)
    subject = serializers.CharField(allow_blank=True, default="", max_length=10_000)
    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    html = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    headers = serializers.DictField(child=serializers.CharField(), default=dict)
    attachments = AttachmentSerializer(many=True, default=list)
    raw = serializers.CharField(
        required=False, trim_whitespace=False, help_text="Base64 of a whole RFC 5322 message, instead of the parts."
    )

    @override
    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of the language, so it cannot be declared above.
        fields = {"from": serializers.CharField(max_length=998, required=False)}
        return fields | super().get_fields()

    def validate_raw(self, value: str) -> bytes:
        try:
            return normalise_newlines(base64.b64decode(value, validate=True))
        except ValueError:
            raise serializers.ValidationError("This is not Base64.") from None


class SentSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the sender's own part of the message.")
    message_ids = serializers.ListField(child=serializers.UUIDField(), help_text="Of all parts: one per organisation.")


class MessageViewSet(ScopedView, ViewSet):  # type: ignore[misc]  # the mixin's as_view takes the actions
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.CONFIGURE
    lookup_value_regex = "[^/]+"

    @extend_schema(request=SendSerializer, responses={202: SentSerializer}, parameters=[TENANT, IDEMPOTENCY])
    def create(self, request: Request) -> Response:
        """Send a message: it is stored when the answer comes, or refused with every reason."""
        return self.written(self._send)

    @extend_schema(responses={200: dict[str, Any]}, parameters=[TENANT])
    @action(detail=True, methods=["get"])
    def timeline(self, request: Request, pk: str) -> Response:
        """The whole story of one message: every event and attempt, and what it waits for now."""
        message = one(messages(self.tenant_id), pk)
        events = [entry.to_json() for entry in timeline(self.tenant_id, message.pk)]
        return Response(
            {
                "id": message.pk,
                "internet_message_id": message.internet_message_id,
                "sender": message.sender,
                "subject": message.subject,
                "size": message.size,
                "received_at": message.received_at,
                "incoming": message.incoming,
                "decision": message.trace,
                "events": events,
            }
        )

    def _send(self) -> tuple[Any, int]:
        serializer = SendSerializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        author = _mailbox("from", data.get("from") or data.get("sender") or "")
        recipients = [_mailbox(name, text) for name in ("to", "cc", "bcc") for text in data[name]]
        sender = str(_mailbox("sender", data["sender"]).address) if data.get("sender") else str(author.address)
        sent = send_message(
            actor=self.actor,
            tenant=self.tenant,
            mailbox=mailbox_of_address(self.tenant_id, sender),
            content=data["raw"] if "raw" in data else _composed(author, data),
            sender=sender,
            recipients=[str(one.address) for one in recipients],
            origin=Origin.API,
        )
        return {
            "id": str(sent.message_id),
            "message_ids": [str(pk) for pk in sent.message_ids],
        }, status.HTTP_202_ACCEPTED


def _mailbox(field: str, text: str) -> Mailbox:
    try:
        return parse_mailbox(text.strip())
    except InvalidAddress as error:
        raise Problem("address.invalid", field=field, address=text[:320], why=str(error)) from None


def _composed(author: Mailbox, data: dict[str, Any]) -> bytes:
    message = ComposedMessage(
        from_=author,
        to=tuple(_mailbox("to", text) for text in data["to"]),
        cc=tuple(_mailbox("cc", text) for text in data["cc"]),
        subject=data["subject"],
        text=data.get("text"),
        html=data.get("html"),
        attachments=tuple(
            Attachment(item["filename"], item["content_type"], item["content"]) for item in data["attachments"]
        ),
        headers=data["headers"],
    )
    try:
        return compose(message, message_id=f"<{uuid4()}@{author.address.domain}>", date=timezone.now())
    except InvalidHeader as error:
        raise Problem("message.invalid_header", field="headers", why=str(error)) from None
