"""`bulk-operations/`: one thing done to much of what waits, first as a preview, then confirmed, then perhaps undone."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from postroom.api.scoped import ScopedView
from postroom.api.v1.queues import RedirectSerializer
from postroom.api.viewsets import TENANT
from tenants.access import one
from tenants.permissions import Permission
from transport.access import bulk_operations
from transport.actions.bulk_of_tenant import confirm_operation, is_undoable, preview_operation, undo_operation
from transport.actions.redirect import Target, find_target
from transport.models import BulkOperation
from transport.queue.filters import MessageFilters, QueueFilters

PAGE: Final = 50


class BulkOperationSerializer(serializers.ModelSerializer[BulkOperation]):
    recipients = serializers.SerializerMethodField(help_text="Null where whole queues are acted on.")
    left_alone = serializers.IntegerField(source="left", help_text="Done with, and not changed.")
    can_undo = serializers.SerializerMethodField()
    by = serializers.CharField(source="actor_name")

    class Meta:
        model = BulkOperation
        fields = (
            *("id", "verb", "over", "filters", "target", "state", "queues", "messages", "recipients", "has_more"),
            *("position", "changed", "left_alone", "can_undo", "undoes_id", "undone_by_id", "by", "created_at"),
            *("confirmed_at", "finished_at"),
        )
        read_only_fields = fields

    def get_recipients(self, row: BulkOperation) -> int | None:
        return row.total if row.over == BulkOperation.Over.MESSAGES else None

    def get_can_undo(self, row: BulkOperation) -> bool:
        return row.state == BulkOperation.State.DONE and row.undone_by_id is None and is_undoable(row)


class PreviewSerializer(RedirectSerializer):
    verb = serializers.ChoiceField(choices=BulkOperation.Verb.choices)
    over = serializers.ChoiceField(choices=BulkOperation.Over.choices)
    filters = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)

    def target(self, tenant_id: UUID) -> Target | None:
        given = self.validated_data
        if given["verb"] != BulkOperation.Verb.REDIRECT:
            return None
        return find_target(
            tenant_id=tenant_id, connector_id=given.get("send_connector"), smart_host=given.get("smart_host", "")
        )

    def filters_given(self) -> QueueFilters | MessageFilters:
        kind = QueueFilters if self.validated_data["over"] == BulkOperation.Over.QUEUES else MessageFilters
        given = self.validated_data.get("filters", {})
        unknown = sorted(given.keys() - set(kind.__slots__))
        if unknown:
            raise serializers.ValidationError({"filters": [f"There is no filter {unknown[0]!r}."]})
        return kind.of(given)


class BulkOperationViewSet(ScopedView, ViewSet):  # type: ignore[misc]  # the mixin's as_view takes the actions
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.STEER_QUEUES
    can_dry_run = False
    lookup_value_regex = "[^/]+"

    @extend_schema(parameters=[TENANT, OpenApiParameter("cursor", str)], responses=BulkOperationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """What was done to much at once in the last 30 days, newest first."""
        rows = bulk_operations(self.tenant_id)
        cursor = request.query_params.get("cursor", "")
        if cursor:
            rows = rows.filter(pk__lt=_uuid(cursor))
        found = list(rows.order_by("-id")[: PAGE + 1])
        more = len(found) > PAGE
        following = request.build_absolute_uri(f"?cursor={found[PAGE - 1].pk}") if more else None
        shown = BulkOperationSerializer(found[:PAGE], many=True).data
        return Response({"next": following, "previous": None, "results": shown})

    @extend_schema(request=PreviewSerializer, parameters=[TENANT], responses={201: BulkOperationSerializer})
    def create(self, request: Request) -> Response:
        """Preview: say what a filter finds and what would be done to it. Nothing is done before it is confirmed."""
        serializer = PreviewSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = preview_operation(
            actor=self.actor,
            tenant_id=self.tenant_id,
            verb=serializer.validated_data["verb"],
            filters=serializer.filters_given(),
            target=serializer.target(self.tenant_id),
        )
        return Response(BulkOperationSerializer(row).data, status=201)

    @extend_schema(parameters=[TENANT], responses=BulkOperationSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(BulkOperationSerializer(one(bulk_operations(self.tenant_id), pk)).data)

    @extend_schema(request=None, parameters=[TENANT], responses=BulkOperationSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Do what was previewed. It goes on by itself; ask again how far it is."""
        row = confirm_operation(actor=self.actor, operation=one(bulk_operations(self.tenant_id), pk))
        return Response(BulkOperationSerializer(row).data)

    @extend_schema(request=None, parameters=[TENANT], responses=BulkOperationSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take back what it changed, as far as that still waits. Answers with the operation that does so."""
        row = undo_operation(actor=self.actor, operation=one(bulk_operations(self.tenant_id), pk))
        return Response(BulkOperationSerializer(row).data)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise serializers.ValidationError({"cursor": ["This is no cursor of ours."]}) from None
