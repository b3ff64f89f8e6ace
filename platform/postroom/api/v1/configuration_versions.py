"""`configuration-versions/`: how objects were after each change, what differs between two times, and going back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.permissions import permission_lacking
from postroom.api.viewsets import DRY_RUN, IDEMPOTENCY, TENANT, ReadViewSet
from postroom.audit_words import headline
from tenants.actions.versions import current_object, kind_of, revert_to_version
from tenants.history import compare, versions
from tenants.models import ConfigurationVersion
from tenants.permissions import Permission, may
from tenants.versioning import changes_between


class ConfigurationVersionSerializer(serializers.ModelSerializer[ConfigurationVersion]):
    sentence = serializers.SerializerMethodField(help_text="What made this version, in words.")

    class Meta:
        model = ConfigurationVersion
        fields = [
            "id",
            "object_type",
            "object_id",
            "object_name",
            "number",
            "at",
            "actor_kind",
            "actor_id",
            "actor_name",
            "action",
            "reverted_to",
            "picture",
            "config_version",
            "event_id",
            "sentence",
        ]

    def get_sentence(self, row: ConfigurationVersion) -> str:
        return headline(row)


class ChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class DifferenceSerializer(serializers.Serializer[Any]):
    object_type = serializers.CharField()
    object_id = serializers.UUIDField()
    object_name = serializers.CharField()
    verb = serializers.ChoiceField(choices=["added", "removed", "changed"])
    changes = ChangeSerializer(many=True)


class ComparisonSerializer(serializers.Serializer[Any]):
    objects = DifferenceSerializer(many=True)
    has_more = serializers.BooleanField(help_text="More objects differ than are told.")


class RevertSerializer(serializers.Serializer[Any]):
    password = serializers.CharField(
        required=False, write_only=True, max_length=1024, help_text="That goes with an object which was removed."
    )


class RevertedSerializer(serializers.Serializer[Any]):
    object_type = serializers.CharField()
    object_id = serializers.UUIDField()
    changes = ChangeSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField(), help_text="What stays as it is.")


class CompareSerializer(serializers.Serializer[Any]):
    object_type = serializers.CharField(required=False, default="", max_length=64)
    object_id = serializers.UUIDField(required=False, default=None)


# `from` is a word of the language.
CompareSerializer._declared_fields["from"] = serializers.DateTimeField()
CompareSerializer._declared_fields["to"] = serializers.DateTimeField()


class ConfigurationVersionViewSet(ReadViewSet[ConfigurationVersion]):
    needs_to_read = Permission.VIEW_AUDIT
    needs_to_write = Permission.CONFIGURE
    serializer_class = ConfigurationVersionSerializer
    queryset = ConfigurationVersion.objects.none()
    filterset_fields = ("object_type", "object_id", "number", "actor_id")

    @override
    def rows(self) -> QuerySet[ConfigurationVersion]:
        return versions(self.tenant_id)

    @extend_schema(parameters=[TENANT, CompareSerializer], responses=ComparisonSerializer)
    @action(detail=False, methods=["get"], pagination_class=None, filterset_fields=None)
    def difference(self, request: Request) -> Response:
        """Tell which objects differ between two times, and in what."""
        asked = CompareSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        only = {"object_type": data["object_type"], "object_id": data["object_id"]}
        return Response(ComparisonSerializer(compare(self.tenant_id, data["from"], data["to"], **only)).data)

    @extend_schema(request=RevertSerializer, responses=RevertedSerializer, parameters=[TENANT, DRY_RUN, IDEMPOTENCY])
    @action(detail=True, methods=["post"])
    def revert(self, request: Request, pk: str) -> Response:
        """Bring the object back to this version; one that was removed comes back under its id."""
        return self.written(self._revert)

    def _revert(self) -> tuple[Any, int]:
        asked = RevertSerializer(data=self.request.data)
        asked.is_valid(raise_exception=True)
        row = self.get_object()
        kind, current = kind_of(row), current_object(row)
        if not self.key.is_operator and not may(self.key.role, kind.permission):
            raise permission_lacking(self.key.role, kind.permission)
        before = kind.settings(current) if current is not None else None
        notes = kind.notes(current, row.picture, self.actor) if row.picture is not None else []
        made = revert_to_version(actor=self.actor, version=row, secret=asked.validated_data.get("password"))
        changes = changes_between(before, kind.settings(made))
        told = {"object_type": row.object_type, "object_id": row.object_id, "changes": changes, "notes": notes}
        return RevertedSerializer(told).data, status.HTTP_200_OK
