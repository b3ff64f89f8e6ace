"""`suppressions/`: addresses that mail came back from; DELETE releases one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.viewsets import DRY_RUN, TENANT, ReadViewSet
from postroom.explain import explain
from tenants.permissions import Permission
from transport.access import suppressed_addresses
from transport.actions.suppressions import release_address
from transport.models import SuppressedAddress


class SuppressionSerializer(serializers.ModelSerializer[SuppressedAddress]):
    explanation = serializers.SerializerMethodField(help_text="The reason in words.")

    class Meta:
        model = SuppressedAddress
        fields = [
            "id",
            "address",
            "reason",
            "explanation",
            "status",
            "reply",
            "reporting_mta",
            "message_id",
            "count",
            "first_seen_at",
            "last_seen_at",
            "expires_at",
        ]

    def get_explanation(self, row: SuppressedAddress) -> str:
        domain = row.address.rpartition("@")[2]
        return explain(row.reason, recipient=row.address, domain=domain, host=row.reporting_mta or domain).title


class SuppressionFilterSerializer(serializers.Serializer[Any]):
    address = serializers.CharField(required=False, max_length=320, help_text="How the address begins.")


class SuppressionViewSet(ReadViewSet[SuppressedAddress]):
    serializer_class = SuppressionSerializer
    queryset = SuppressedAddress.objects.none()
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.STEER_QUEUES

    @override
    def rows(self) -> QuerySet[SuppressedAddress]:
        return suppressed_addresses(self.tenant_id)

    @override
    def filter_queryset(self, queryset: QuerySet[SuppressedAddress, Any]) -> QuerySet[SuppressedAddress, Any]:
        asked = SuppressionFilterSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        return suppressed_addresses(self.tenant_id, asked.validated_data.get("address", ""))

    @extend_schema(parameters=[TENANT, SuppressionFilterSerializer])
    @override
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(parameters=[TENANT, DRY_RUN], responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Release an address: it can be written to again."""
        return self.written(self._release)

    def _release(self) -> tuple[Any, int]:
        release_address(actor=self.actor, row=self.get_object())
        return None, status.HTTP_204_NO_CONTENT
