"""`audit-events/`: who changed what, newest first."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework import serializers
from typing_extensions import override

from postroom.api.viewsets import ReadViewSet
from tenants.access import audit_events
from tenants.models import AuditEvent


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    class Meta:
        model = AuditEvent
        exclude = ["tenant"]


class AuditEventViewSet(ReadViewSet[AuditEvent]):
    serializer_class = AuditEventSerializer
    queryset = AuditEvent.objects.none()
    filterset_fields = ("action", "object_type", "object_id", "actor_id")

    @override
    def rows(self) -> QuerySet[AuditEvent]:
        return audit_events(self.tenant_id)
