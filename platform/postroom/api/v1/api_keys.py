"""`api-keys/`: a tenant's keys; the token is in the answer to its making and nowhere else."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from typing_extensions import override

from postroom.api.viewsets import ConfigurationViewSet
from tenants.access import api_keys
from tenants.actions.keys import create_api_key, revoke_api_key
from tenants.models import ApiKey, Membership
from tenants.permissions import Permission


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    token = serializers.CharField(read_only=True, required=False, help_text="Only in the answer to its making.")

    role = serializers.ChoiceField(
        choices=Membership.Role.choices, required=False, help_text="What it may do; left out: what the asking key may."
    )

    class Meta:
        model = ApiKey
        fields = ["id", "name", "role", "prefix", "token", "created_at", "last_used_at", "revoked_at"]
        read_only_fields = ["prefix", "created_at", "last_used_at", "revoked_at"]


class ApiKeyViewSet(ConfigurationViewSet[ApiKey]):
    needs_to_read = Permission.VIEW_AUDIT
    needs_to_write = Permission.MANAGE_KEYS
    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.none()
    seals_answers = True  # they hold the key
    http_method_names = ["get", "post", "delete", "head", "options"]

    @override
    def rows(self) -> QuerySet[ApiKey]:
        return api_keys(self.tenant_id)

    @override
    def perform_create(self, data: dict[str, Any]) -> ApiKey:
        row, self._token = create_api_key(
            actor=self.actor,
            name=data["name"],
            tenant=self.tenant,
            role=data.get("role", self.role),
            by_role=self.role,
        )
        return row

    @override
    def _shown(self, row: ApiKey) -> Any:
        return super()._shown(row) | {"token": self._token}

    @override
    def perform_remove(self, row: ApiKey) -> None:
        revoke_api_key(actor=self.actor, key=row)
