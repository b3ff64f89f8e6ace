"""`queued-messages/`: what waits, one entry per message and queue, with its recipients; and what one may do to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from postroom.api.scoped import ScopedView
from postroom.api.v1.last_errors import LastErrorSerializer, last_error
from postroom.api.v1.queues import RedirectSerializer, filter_parameters, target_of
from postroom.api.viewsets import TENANT
from tenants.access import one
from tenants.permissions import Permission
from transport.access import deliveries, messages, queues
from transport.actions.exports import export_message
from transport.actions.queue import remove_message, resubmit_message, resume_message, retry_message, suspend_message
from transport.actions.redirect import redirect_message, undo_redirect
from transport.models import Delivery
from transport.queue.configuration import Configuration
from transport.queue.filters import MessageFilters
from transport.queue.listing import QueueError
from transport.queue.queued import QueuedMessage, list_messages
from transport.tracking.timeline import facts_of_waiting

PAGE: Final = 100  # messages


class QueuedRecipientSerializer(serializers.Serializer[Any]):
    recipient = serializers.CharField()
    status = serializers.ChoiceField(source="state", choices=Delivery.State.choices)
    pending = serializers.CharField(help_text="What was asked for while it was being sent: suspend, remove …")
    redirected = serializers.BooleanField(help_text="An administrator sent it this way.")
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_error = LastErrorSerializer(allow_null=True)


class QueuedMessageSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    message_id = serializers.UUIDField(help_text="The network message id: leads to the timeline.")
    queue_id = serializers.UUIDField()
    next_hop_domain = serializers.CharField()
    internet_message_id = serializers.CharField()
    sender = serializers.CharField()
    subject = serializers.CharField()
    size = serializers.IntegerField()
    received_at = serializers.DateTimeField()
    recipients = QueuedRecipientSerializer(many=True)


class RemoveSerializer(serializers.Serializer[Any]):
    with_ndr = serializers.BooleanField(default=False)


class QueuedMessageViewSet(ScopedView, ViewSet):  # type: ignore[misc]  # the mixin's as_view takes the actions
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.STEER_QUEUES
    needs_for_action = MappingProxyType({"source": Permission.EXPORT_MESSAGES})  # not for all to read
    can_dry_run = False
    lookup_value_regex = "[^/]+"

    @extend_schema(
        parameters=[TENANT, *filter_parameters(MessageFilters), OpenApiParameter("cursor", str)],
        responses=QueuedMessageSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """What waits, newest first: each message of which a recipient fits the filters, once for each queue."""
        query = request.query_params
        filters = MessageFilters.of(query)
        if filters.queue:
            one(queues(self.tenant_id), filters.queue)
        after = _pair(query["cursor"]) if query.get("cursor") else None
        entries, has_more = list_messages(self.tenant_id, filters, after=after, limit=PAGE)
        following = None
        if has_more and entries:
            kept = filters.to_json() | {"cursor": entries[-1].id}
            following = f"{request.build_absolute_uri(request.path)}?{urlencode(kept)}"
        configuration = Configuration()
        results = [as_json(entry, configuration) for entry in entries]
        return Response({"next": following, "previous": None, "results": results})

    @extend_schema(parameters=[TENANT], responses=QueuedMessageSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(as_json(self._found(pk)))

    @extend_schema(request=None, parameters=[TENANT], responses=QueuedMessageSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try it now."""
        return self._after(retry_message, pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueuedMessageSerializer)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, pk: str) -> Response:
        """Hold it until it is resumed."""
        return self._after(suspend_message, pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueuedMessageSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let it go on."""
        return self._after(resume_message, pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueuedMessageSerializer)
    @action(detail=True, methods=["post"])
    def resubmit(self, request: Request, pk: str) -> Response:
        """Route it again."""
        return self._after(resubmit_message, pk)

    @extend_schema(request=RedirectSerializer, parameters=[TENANT], responses=QueuedMessageSerializer)
    @action(detail=True, methods=["post"])
    def redirect(self, request: Request, pk: str) -> Response:
        """Send it another way: by a send connector, or to a server. Answers with the message where it is then."""
        self._found(pk)
        return self._after(partial(redirect_message, target=target_of(request, self.tenant_id)), pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueuedMessageSerializer)
    @action(detail=True, methods=["post"], url_path="undo-redirect")
    def undo_redirect(self, request: Request, pk: str) -> Response:
        """Route it again, as if it had not been redirected."""
        return self._after(undo_redirect, pk)

    @extend_schema(
        request=RemoveSerializer,
        parameters=[TENANT],
        responses={204: None},
    )
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        """Take it out of the queue; `with_ndr` tells the sender."""
        serializer = RemoveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = self._found(pk).rows[0]
        with_ndr = serializer.validated_data["with_ndr"]
        remove_message(actor=self.actor, message=row.message, queue=row.queue, with_ndr=with_ndr)
        return Response(status=204)

    @extend_schema(parameters=[TENANT], responses={(200, "message/rfc822"): bytes})
    @action(detail=True, methods=["get"])
    def source(self, request: Request, pk: str) -> HttpResponse:
        """The message as it will leave, byte for byte. The audit log has each export."""
        row = self._found(pk).rows[0]
        content = export_message(actor=self.actor, message=row.message)
        answer = HttpResponse(content, content_type="message/rfc822")
        answer["Content-Disposition"] = f'attachment; filename="{row.message_id}.eml"'
        return answer

    def _after(self, act: Callable[..., object], pk: str) -> Response:
        before = self._found(pk)
        row = before.rows[0]
        act(actor=self.actor, message=row.message, queue=row.queue)
        after = self._rows(row.message_id, row.queue_id) or self._moved(before)
        return Response(as_json(QueuedMessage(tuple(after)) if after else before))

    def _moved(self, before: QueuedMessage) -> Sequence[Delivery]:
        """Return the message where it is now: it may have been put into another queue."""
        now = deliveries(self.tenant_id).filter(pk__in=[row.pk for row in before.rows]).order_by("id")
        rows = list(now)
        return [row for row in rows if row.queue_id == rows[0].queue_id]

    def _found(self, pk: str) -> QueuedMessage:
        message_id, _, queue_id = pk.partition(".")
        message = one(messages(self.tenant_id), message_id)
        rows = self._rows(message.pk, one(queues(self.tenant_id), queue_id).pk)
        if not rows:
            raise Http404
        return QueuedMessage(tuple(rows))

    def _rows(self, message_id: UUID, queue_id: UUID) -> Sequence[Delivery]:
        return list(deliveries(self.tenant_id).filter(message_id=message_id, queue_id=queue_id).order_by("id"))


def _pair(cursor: str) -> tuple[UUID, UUID]:
    message_id, _, queue_id = cursor.partition(".")
    try:
        return UUID(message_id), UUID(queue_id)
    except ValueError:
        raise serializers.ValidationError({"cursor": ["This is no cursor of ours."]}) from None


def as_json(queued: QueuedMessage, configuration: Configuration | None = None) -> dict[str, Any]:
    """Return the entry; one `configuration` serves all of a page, so that it is not loaded for each recipient."""
    row, configuration = queued.rows[0], configuration or Configuration()
    return {
        "id": queued.id,
        "message_id": row.message_id,
        "queue_id": row.queue_id,
        "next_hop_domain": row.queue.next_hop_domain,
        "internet_message_id": row.message.internet_message_id,
        "sender": row.message.sender,
        "subject": row.message.subject,
        "size": row.message.size,
        "received_at": row.message.received_at,
        "recipients": [_recipient(row, configuration) for row in queued.rows],
    }


def _recipient(row: Delivery, configuration: Configuration) -> dict[str, Any]:
    error = QueueError(
        row.last_error_code,
        row.last_error_enhanced,
        row.last_error_text,
        row.last_error_reason,
        row.last_error_peer_text,
        row.last_error_phase,
        row.last_error_endpoint,
        row.last_error_at,
    )
    facts = facts_of_waiting(row, row, row.message, configuration)
    return {
        "recipient": row.recipient,
        "status": row.state,
        "pending": row.pending,
        "redirected": row.is_redirected,
        "attempts": row.attempts,
        "next_attempt_at": row.next_attempt_at,
        "expires_at": row.expires_at,
        "last_error": last_error(error, facts) if error.reason or error.text else None,
    }
