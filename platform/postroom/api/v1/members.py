"""`members/`: who works in the tenant, and as what; people join by `invitations/`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from typing_extensions import override

from postroom.api.viewsets import ConfigurationViewSet
from tenants.access import members
from tenants.actions.memberships import change_role, remove_member
from tenants.models import Membership
from tenants.permissions import Permission


class MemberSerializer(serializers.ModelSerializer[Membership]):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    is_active = serializers.BooleanField(source="user.is_active", read_only=True)
    last_sign_in_at = serializers.DateTimeField(source="user.last_login", read_only=True, allow_null=True)

    class Meta:
        model = Membership
        fields = ["id", "email", "name", "role", "is_active", "last_sign_in_at", "created_at"]
        read_only_fields = ["created_at"]


class MemberViewSet(ConfigurationViewSet[Membership]):
    needs_to_read = Permission.VIEW_AUDIT
    needs_to_write = Permission.MANAGE_MEMBERS
    serializer_class = MemberSerializer
    queryset = Membership.objects.none()
    filterset_fields = ("role",)
    http_method_names = ["get", "patch", "delete", "head", "options"]

    @override
    def rows(self) -> QuerySet[Membership]:
        return members(self.tenant_id)

    @override
    def perform_change(self, row: Membership, data: dict[str, Any]) -> Membership:
        role = data.get("role", row.role)
        return change_role(actor=self.actor, by_role=self.role, membership=row, role=role)

    @override
    def perform_remove(self, row: Membership) -> None:
        remove_member(actor=self.actor, by_role=self.role, membership=row)
