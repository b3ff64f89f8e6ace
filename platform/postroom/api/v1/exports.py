"""`exports/`: an organisation's configuration and mail as a file, and who took one away."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from typing_extensions import override

from postroom.api.viewsets import TENANT, ReadViewSet
from postroom.streaming import send_export
from tenants.access import audit_events
from tenants.models import AuditEvent
from tenants.permissions import Permission
from transport.actions.exports import Contents, export_tenant


class ExportRequestSerializer(serializers.Serializer[Any]):
    contents = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in Contents],
        default=Contents.EVERYTHING.value,
        help_text="configuration: a JSON document; everything: a ZIP with that and an mbox for each mailbox.",
    )


class ExportSerializer(serializers.ModelSerializer[AuditEvent]):
    contents = serializers.SerializerMethodField()

    class Meta:
        model = AuditEvent
        fields = ["id", "at", "actor_kind", "actor_name", "client_address", "contents"]

    def get_contents(self, row: AuditEvent) -> str:
        return str((row.after or {}).get("contents", ""))


class ExportViewSet(ReadViewSet[AuditEvent]):
    """The list tells of exports; a POST makes one and sends it at once, as it is read."""

    serializer_class = ExportSerializer
    queryset = AuditEvent.objects.none()
    needs_to_read = Permission.MANAGE_TENANT
    needs_to_write = Permission.MANAGE_TENANT
    unscoped: ClassVar[frozenset[str]] = frozenset({"create"})

    @override
    def rows(self) -> QuerySet[AuditEvent]:
        return audit_events(self.tenant_id).filter(action="tenant.export")

    @extend_schema(
        request=ExportRequestSerializer,
        responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY)},
        parameters=[TENANT],
    )
    def create(self, request: Request) -> HttpResponseBase:
        """Export now."""
        serializer = ExportRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        contents = Contents(serializer.validated_data["contents"])
        with self.scope():
            export = export_tenant(actor=self.actor, tenant=self.tenant, contents=contents)
        return send_export(request._request, export)
