"""`invitations/`: people invited by e-mail who have not joined yet; each has a link, told once."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.viewsets import IDEMPOTENCY, TENANT, ConfigurationViewSet
from postroom.membership_letters import invite, invite_again
from tenants.access import invitations
from tenants.actions.invitations import revoke_invitation
from tenants.models import Invitation
from tenants.permissions import Permission


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    state = serializers.ChoiceField(choices=Invitation.State.choices, read_only=True)
    link = serializers.CharField(read_only=True, required=False, help_text="Only in the answer to its making.")

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "state", "link", "created_at", "sent_at", "expires_at"]
        read_only_fields = ["created_at", "sent_at", "expires_at"]


class InvitationViewSet(ConfigurationViewSet[Invitation]):
    needs_to_read = Permission.VIEW_AUDIT
    needs_to_write = Permission.MANAGE_MEMBERS
    serializer_class = InvitationSerializer
    queryset = Invitation.objects.none()
    filterset_fields = ("email", "role")
    seals_answers = True  # they hold the link
    http_method_names = ["get", "post", "delete", "head", "options"]

    @override
    def rows(self) -> QuerySet[Invitation]:
        return invitations(self.tenant_id)

    @override
    def perform_create(self, data: dict[str, Any]) -> Invitation:
        sent = invite(actor=self.actor, by_role=self.role, tenant=self.tenant, email=data["email"], role=data["role"])
        self._link = sent.link
        return sent.invitation

    @override
    def _shown(self, row: Invitation) -> Any:
        return super()._shown(row) | {"link": self._link}

    @override
    def perform_remove(self, row: Invitation) -> None:
        revoke_invitation(actor=self.actor, by_role=self.role, invitation=row)

    @extend_schema(request=None, parameters=[TENANT, IDEMPOTENCY], responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Write to the address again, with a new link and the whole time; the old links end."""
        return self.written(self._resend)

    def _resend(self) -> tuple[Any, int]:
        sent = invite_again(actor=self.actor, by_role=self.role, tenant=self.tenant, invitation=self.get_object())
        self._link = sent.link
        return self._shown(sent.invitation), status.HTTP_200_OK
