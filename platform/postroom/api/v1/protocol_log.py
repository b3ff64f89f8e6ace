"""`protocol-log/`: what clients and smtpd said in the transactions that brought the tenant's mail; read only.

Log-ins, content and other tenants' recipients are not in it. Whole sessions are the operators', in the admin.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.viewsets import TENANT, ReadViewSet
from tenants.permissions import Permission
from transport.access import protocol_log
from transport.models import ProtocolTranscript


class ProtocolLineSerializer(serializers.Serializer[Any]):
    milliseconds = serializers.IntegerField(help_text="Since the client connected.")
    who = serializers.ChoiceField(choices=["C", "S", "-"], help_text="Client, server, or a remark.")
    text = serializers.CharField()


class ProtocolLogSerializer(serializers.ModelSerializer[ProtocolTranscript]):
    lines = serializers.SerializerMethodField()

    class Meta:
        model = ProtocolTranscript
        fields = [
            "id",
            "session_id",
            "message_id",
            "at",
            "connector",
            "client_address",
            "listener",
            "left_out",
            "lines",
        ]

    @extend_schema_field(ProtocolLineSerializer(many=True))
    def get_lines(self, row: ProtocolTranscript) -> list[dict[str, Any]]:
        return [{"milliseconds": at, "who": who, "text": text} for at, who, text in row.lines]


class ProtocolLogFilterSerializer(serializers.Serializer[Any]):
    session = serializers.UUIDField(required=False, help_text="A session's `session_id`.")
    message = serializers.UUIDField(required=False, help_text="The message that a transaction brought.")


class ProtocolLogViewSet(ReadViewSet[ProtocolTranscript]):
    serializer_class = ProtocolLogSerializer
    queryset = ProtocolTranscript.objects.none()
    needs_to_read = Permission.VIEW

    @override
    def rows(self) -> QuerySet[ProtocolTranscript]:
        return protocol_log(self.tenant_id)

    @override
    def filter_queryset(self, queryset: QuerySet[ProtocolTranscript, Any]) -> QuerySet[ProtocolTranscript, Any]:
        asked = ProtocolLogFilterSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = {f"{name}_id": value for name, value in asked.validated_data.items()}
        return queryset.filter(**wanted)

    @extend_schema(parameters=[TENANT, ProtocolLogFilterSerializer])
    @override
    def list(self, request: Request) -> Response:
        return super().list(request)
