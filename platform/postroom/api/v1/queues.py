"""`queues/`: what waits, for which next hop, why, and what would change that."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from postroom.api.scoped import ScopedView
from postroom.api.v1.last_errors import LastErrorSerializer, last_error
from postroom.api.viewsets import TENANT
from tenants.access import one
from tenants.models import Tenant
from tenants.permissions import Permission
from transport.access import queues
from transport.actions.queue import resubmit_queue, resume_queue, retry_queue, suspend_queue
from transport.actions.redirect import Target, find_target, redirect_queue, undo_redirect_of_queue
from transport.models import Queue
from transport.queue.filters import MessageFilters, QueueFilters
from transport.queue.listing import ListedQueue, find_queue, list_queues
from transport.queue.rates import Rate, Rates, rates
from transport.queue.share import share_of

PAGE = 100


class PrioritiesSerializer(serializers.Serializer[Any]):
    normal = serializers.IntegerField()
    low = serializers.IntegerField(help_text="Sent in bulk, to a list, to very many or in no hurry.")


class ConnectionsSerializer(serializers.Serializer[Any]):
    host = serializers.CharField(help_text="Name and address of the host that the queue was last connected to.")
    allowed = serializers.IntegerField(help_text="Connections that it gets at a time now, from all of the platform.")
    most = serializers.IntegerField()
    reduced_for = serializers.CharField(help_text="The reason code for the last reduction.")
    reduced_at = serializers.DateTimeField(allow_null=True)


class QueueSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    identity = serializers.CharField(help_text="As Exchange would write it.")
    next_hop_domain = serializers.CharField()
    delivery_type = serializers.CharField()
    next_hop_connector = serializers.UUIDField(source="connector_id", allow_null=True)
    next_hop_connector_name = serializers.CharField(source="connector_name")
    status = serializers.ChoiceField(choices=Queue.Status.choices)
    message_count = serializers.IntegerField()
    is_counted_out = serializers.BooleanField(help_text="False: there are more than were counted.")
    priorities = PrioritiesSerializer(help_text="Recipients that wait, by priority.")
    connections = ConnectionsSerializer(allow_null=True)
    retry_count = serializers.IntegerField()
    last_retry_at = serializers.DateTimeField(allow_null=True)
    next_retry_at = serializers.DateTimeField(allow_null=True)
    oldest_at = serializers.DateTimeField(allow_null=True)
    incoming_rate = serializers.SerializerMethodField(help_text="Recipients a second over the last minute.")
    outgoing_rate = serializers.SerializerMethodField()
    velocity = serializers.SerializerMethodField(help_text="Outgoing less incoming: negative while it backs up.")
    last_error = serializers.SerializerMethodField()

    def get_incoming_rate(self, row: ListedQueue) -> float:
        return self._rate(row).incoming

    def get_outgoing_rate(self, row: ListedQueue) -> float:
        return self._rate(row).outgoing

    def get_velocity(self, row: ListedQueue) -> float:
        return self._rate(row).velocity

    def _rate(self, row: ListedQueue) -> Rate:
        known: Rates = self.context["rates"]
        return known.of(row)

    @extend_schema_field(LastErrorSerializer(allow_null=True))
    def get_last_error(self, row: ListedQueue) -> dict[str, Any] | None:
        return last_error(row.last_error, row.reason_facts)


class ShareSerializer(serializers.Serializer[Any]):
    weight = serializers.IntegerField(help_text="Of the tenant's plan.")
    percent = serializers.IntegerField(help_text="Of the workers' turns: now, or if something were sent now.")
    others = serializers.IntegerField(help_text="Further tenants that have mail to send now.")
    turns_before = serializers.IntegerField(help_text="Turns of theirs, at most, before this tenant's next one.")
    waiting = serializers.IntegerField(help_text="This tenant's recipients that are ready to leave.")
    running = serializers.IntegerField(help_text="This tenant's queues that are being worked off.")
    counted_at = serializers.DateTimeField(allow_null=True)


def filter_parameters(filters: type[QueueFilters | MessageFilters]) -> list[OpenApiParameter]:
    """Return the filters as parameters of a list."""
    return [OpenApiParameter(each.name, str) for each in fields(filters)]


class RedirectSerializer(serializers.Serializer[Any]):
    send_connector = serializers.UUIDField(required=False, allow_null=True)
    smart_host = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="A name or an address, with `:port` where not 25."
    )


def target_of(request: Request, tenant_id: UUID) -> Target:
    """Return where the body says to redirect to; raise the Problem that says why not."""
    serializer = RedirectSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    given = serializer.validated_data
    return find_target(
        tenant_id=tenant_id, connector_id=given.get("send_connector"), smart_host=given.get("smart_host", "")
    )


class QueueViewSet(ScopedView, ViewSet):  # type: ignore[misc]  # the mixin's as_view takes the actions
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.STEER_QUEUES
    can_dry_run = False
    lookup_value_regex = "[^/]+"

    @extend_schema(
        parameters=[TENANT, *filter_parameters(QueueFilters), OpenApiParameter("cursor", str)],
        responses=QueueSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """The queues that hold something and fit the filters, by next hop domain."""
        filters = QueueFilters.of(request.query_params)
        after = _position(request.query_params.get("cursor", ""))
        rows = list_queues(self.tenant_id, filters=filters, after=after, limit=PAGE + 1)
        following = None
        if len(rows) > PAGE:
            kept = filters.to_json() | {"cursor": _cursor(rows[PAGE - 1])}
            following = f"{request.build_absolute_uri(request.path)}?{urlencode(kept)}"
        shown = QueueSerializer(rows[:PAGE], many=True, context={"rates": rates(self.tenant_id)}).data
        return Response({"next": following, "previous": None, "results": shown})

    @extend_schema(parameters=[TENANT], responses=QueueSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return self._shown(self._listed(pk))

    @extend_schema(parameters=[TENANT], responses=ShareSerializer)
    @action(detail=False, methods=["get"])
    def share(self, request: Request) -> Response:
        """The tenant's share of the workers at this moment, and who comes before it."""
        return Response(ShareSerializer(share_of(Tenant.objects.get(pk=self.tenant_id))).data)

    @extend_schema(request=None, parameters=[TENANT], responses=QueueSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try the next hop now instead of at its next time."""
        return self._after(retry_queue, pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueueSerializer)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, pk: str) -> Response:
        """Hold the queue until it is resumed."""
        return self._after(suspend_queue, pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueueSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let the queue go on."""
        return self._after(resume_queue, pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueueSerializer)
    @action(detail=True, methods=["post"])
    def resubmit(self, request: Request, pk: str) -> Response:
        """Route everything in the queue again."""
        return self._after(resubmit_queue, pk)

    @extend_schema(request=RedirectSerializer, parameters=[TENANT], responses=QueueSerializer)
    @action(detail=True, methods=["post"])
    def redirect(self, request: Request, pk: str) -> Response:
        """Send what waits in it another way: by a send connector, or to a server. Answers with the queue left."""
        self._listed(pk)
        return self._after(partial(redirect_queue, target=target_of(request, self.tenant_id)), pk)

    @extend_schema(request=None, parameters=[TENANT], responses=QueueSerializer)
    @action(detail=True, methods=["post"], url_path="undo-redirect")
    def undo_redirect(self, request: Request, pk: str) -> Response:
        """Route again what was redirected to this queue."""
        return self._after(undo_redirect_of_queue, pk)

    def _after(self, act: Callable[..., object], pk: str) -> Response:
        """Act, and show the queue as it is then; or as it was, where it has emptied meanwhile."""
        before = self._listed(pk)
        act(actor=self.actor, queue=one(queues(self.tenant_id), pk))
        return self._shown(find_queue(self.tenant_id, before.id) or before)

    def _shown(self, row: ListedQueue) -> Response:
        return Response(QueueSerializer(row, context={"rates": rates(self.tenant_id)}).data)

    def _listed(self, pk: str) -> ListedQueue:
        try:
            found = find_queue(self.tenant_id, UUID(pk))
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found


def _cursor(row: ListedQueue) -> str:
    return base64.urlsafe_b64encode(f"{row.id} {row.next_hop_domain}".encode()).decode()


def _position(cursor: str) -> tuple[str, UUID] | None:
    if not cursor:
        return None
    try:
        queue_id, _, domain = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        return domain, UUID(queue_id)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise serializers.ValidationError({"cursor": ["This is no cursor of ours."]}) from None
