"""What the OpenAPI schema says of errors and fixes, which are the same for every path."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from typing_extensions import override

from postroom.api.errors import CONTENT_TYPE


class FixSerializer(serializers.Serializer[Any]):
    action = serializers.CharField(help_text="What to do, for programs.")
    params = serializers.DictField(child=serializers.CharField())

    @override
    def get_fields(self) -> dict[str, Any]:
        # `label` is an attribute of every serializer, so it cannot be declared above.
        return super().get_fields() | {"label": serializers.CharField(help_text="What to do, for people.")}


class ProblemSerializer(serializers.Serializer[Any]):
    """An error, as RFC 9457 problem details."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="The explanation, in words.")
    code = serializers.CharField(help_text="Of the registry of reasons; stable.")
    fixes = FixSerializer(many=True, required=False)

    @override
    def get_fields(self) -> dict[str, Any]:
        # `errors` is a property of every serializer.
        by_field = serializers.DictField(required=False, help_text="What is wrong, by field.")
        return super().get_fields() | {"errors": by_field}


class ApiSchema(AutoSchema):
    """Adds to each path how it fails."""

    @override
    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problem: dict[str, Any] = self._get_response_for_code(  # type: ignore[no-untyped-call]
            ProblemSerializer, "default", [CONTENT_TYPE], direction
        )
        return bodies | {"default": problem | {"description": "Refused, or failed: why, and what to do."}}
