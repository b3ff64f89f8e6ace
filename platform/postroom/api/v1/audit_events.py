"""`audit-events/`: who changed what, newest first, by the filters of the console."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.viewsets import TENANT, ReadViewSet
from postroom.audit_words import sentence
from tenants.access import audit_events
from tenants.audit_search import GROUPS, Filters, matching
from tenants.models import AuditEvent
from tenants.permissions import Permission


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    sentence = serializers.SerializerMethodField(help_text="What happened, in words.")

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "at",
            "actor_kind",
            "actor_id",
            "actor_name",
            "client_address",
            "action",
            "object_type",
            "object_id",
            "object_name",
            "before",
            "after",
            "reverted_to",
            "sentence",
        ]

    def get_sentence(self, row: AuditEvent) -> str:
        return sentence(row)


class AuditFilterSerializer(serializers.Serializer[Any]):
    action = serializers.CharField(required=False, max_length=64, help_text="As send_connector.change.")
    group = serializers.CharField(
        required=False, max_length=64, help_text=f"{', '.join(GROUPS)}; or what actions begin with."
    )
    actor = serializers.CharField(required=False, max_length=320, help_text="How the actor's name begins.")
    actor_id = serializers.CharField(required=False, max_length=64)
    object = serializers.CharField(required=False, max_length=320, help_text="How the object's name begins.")
    object_type = serializers.CharField(required=False, max_length=64)
    object_id = serializers.CharField(required=False, max_length=64)
    address = serializers.IPAddressField(required=False, help_text="That the request came from.")
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False, help_text="Exclusive.")


class AuditEventViewSet(ReadViewSet[AuditEvent]):
    needs_to_read = Permission.VIEW_AUDIT
    serializer_class = AuditEventSerializer
    queryset = AuditEvent.objects.none()

    @override
    def rows(self) -> QuerySet[AuditEvent]:
        return audit_events(self.tenant_id)

    @override
    def filter_queryset(self, queryset: QuerySet[AuditEvent, Any]) -> QuerySet[AuditEvent, Any]:
        asked = AuditFilterSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        return matching(queryset, Filters(**asked.validated_data))

    @extend_schema(parameters=[TENANT, AuditFilterSerializer])
    @override
    def list(self, request: Request) -> Response:
        return super().list(request)
