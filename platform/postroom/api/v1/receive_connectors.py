"""`receive-connectors/`: a tenant's relay permissions; with an operator's key also the rights behind them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.permissions import IsOperator
from postroom.api.viewsets import DRY_RUN, IDEMPOTENCY, TENANT, ConfigurationViewSet
from tenants.actions.actor import Actor
from tenants.permissions import Permission
from tenants.scope import operator_scope
from transport.access import receive_connectors
from transport.actions.receive_connectors import (
    approve_receive_connector,
    change_receive_connector,
    create_receive_connector,
    delete_receive_connector,
    renew_relay_password,
    withdraw_relay_password,
)
from transport.models import ReceiveConnector


class ReceiveConnectorSerializer(serializers.ModelSerializer[ReceiveConnector]):
    certificate_fingerprints = serializers.ListField(
        child=serializers.CharField(max_length=20_000),
        required=False,
        help_text="SHA-256 of client certificates or of their public keys; or certificates (PEM).",
    )
    approved = serializers.SerializerMethodField()

    class Meta:
        model = ReceiveConnector
        exclude = ["tenant", "verifier"]
        read_only_fields = ["approved_at", "created_at"]
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {"bindings": {"required": False}}
        validators: ClassVar[list[Any]] = []

    def get_approved(self, row: ReceiveConnector) -> bool:
        return row.approved_at is not None


class LogInSerializer(serializers.Serializer[Any]):
    user_name = serializers.CharField()
    password = serializers.CharField()


class ReceiveConnectorViewSet(ConfigurationViewSet[ReceiveConnector]):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.CONFIGURE
    serializer_class = ReceiveConnectorSerializer
    seals_answers = True  # one of them holds a password
    queryset = ReceiveConnector.objects.none()
    filterset_fields = ("name", "enabled")

    @override
    def rows(self) -> QuerySet[ReceiveConnector]:
        return receive_connectors(self.tenant_id)

    @property
    def rights(self) -> Actor:
        """Return the actor with an operator's rights where the key is an operator's."""
        kind = "operator" if self.key.is_operator else self.actor.kind
        return Actor(kind, self.actor.id, self.actor.name, self.actor.client_address)

    def as_operator(self) -> AbstractContextManager[None]:
        """Act with the operators' rights where the key is theirs: a tenant's session writes no approval."""
        return operator_scope() if self.key.is_operator else nullcontext()

    @override
    def perform_create(self, data: dict[str, Any]) -> ReceiveConnector:
        return create_receive_connector(actor=self.rights, tenant=self.tenant, **data)

    @override
    def perform_change(self, row: ReceiveConnector, data: dict[str, Any]) -> ReceiveConnector:
        with self.as_operator():
            return change_receive_connector(actor=self.rights, connector=row, **data)

    @override
    def perform_remove(self, row: ReceiveConnector) -> None:
        delete_receive_connector(actor=self.actor, connector=row)

    @extend_schema(request=None, responses=LogInSerializer, parameters=[TENANT, DRY_RUN, IDEMPOTENCY])
    @action(detail=True, methods=["post"], url_path="log-in")
    def log_in(self, request: Request, pk: str) -> Response:
        """Give the permission a log-in of its own, or a new password: it is in this answer and nowhere else."""
        return self.written(self._renew_log_in)

    @extend_schema(request=None, responses={204: None}, parameters=[TENANT, DRY_RUN])
    @log_in.mapping.delete
    def withdraw_log_in(self, request: Request, pk: str) -> Response:
        """Take the log-in away; who uses it is a stranger with the next message."""
        return self.written(self._withdraw_log_in)

    def _renew_log_in(self) -> tuple[Any, int]:
        row = self.get_object()
        password = renew_relay_password(actor=self.actor, connector=row)
        return {"user_name": row.user_name, "password": password}, status.HTTP_200_OK

    def _withdraw_log_in(self) -> tuple[Any, int]:
        withdraw_relay_password(actor=self.actor, connector=self.get_object())
        return None, status.HTTP_204_NO_CONTENT

    @extend_schema(request=None, parameters=[TENANT])
    @action(detail=True, methods=["post"], permission_classes=[IsOperator])
    def approve(self, request: Request, pk: str) -> Response:
        """Let the ranges count (operators only)."""
        row = self.get_object()
        with self.as_operator():
            approve_receive_connector(actor=self.rights, connector=row)
        return Response(self.get_serializer(self.get_object()).data)
