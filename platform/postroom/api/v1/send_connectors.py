"""`send-connectors/`: how mail leaves for which address spaces."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.parts import PartSerializer
from postroom.api.viewsets import TENANT, ConfigurationViewSet
from tenants.permissions import Permission
from transport.access import send_connectors
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_send_connector,
    delete_send_connector,
)
from transport.checks.send_connector import validate_send_connector
from transport.models import SendConnector


class AddressSpaceSerializer(PartSerializer):
    type = serializers.ChoiceField(choices=["SMTP"], default="SMTP")
    pattern = serializers.CharField(max_length=255)
    cost = serializers.IntegerField(default=1)


class SmartHostSerializer(PartSerializer):
    host = serializers.CharField(max_length=253)
    port = serializers.IntegerField(required=False, allow_null=True, default=None)


class SendConnectorSerializer(serializers.ModelSerializer[SendConnector]):
    address_spaces = AddressSpaceSerializer(many=True)
    smart_hosts = SmartHostSerializer(many=True, required=False)
    password = serializers.CharField(write_only=True, required=False, allow_blank=True, max_length=1024)
    has_password = serializers.SerializerMethodField()

    class Meta:
        model = SendConnector
        fields = [
            "id",
            "name",
            "comment",
            "enabled",
            "usage",
            "address_spaces",
            "routing",
            "smart_hosts",
            "port",
            "fqdn",
            "source_address",
            "protocol",
            "tls",
            "tls_domain",
            "auth",
            "username",
            "password",
            "has_password",
            "max_message_size",
            "max_messages_per_connection",
            "max_connections_per_host",
            "connect_timeout",
            "connection_inactivity_timeout",
            "error_policies",
            "created_at",
        ]
        read_only_fields = ["created_at"]
        validators: ClassVar[list[Any]] = []

    def get_has_password(self, row: SendConnector) -> bool:
        return bool(row.password_encrypted)


class ValidateSerializer(serializers.Serializer[Any]):
    recipient = serializers.CharField(max_length=320, help_text="To whom the way is walked.")
    send_test_message = serializers.BooleanField(
        default=False, help_text="Send a short message; otherwise it ends after RCPT, and nothing is sent."
    )


class DialogueLineSerializer(serializers.Serializer[Any]):
    who = serializers.ChoiceField(choices=["we", "peer", "note"])
    text = serializers.CharField()
    milliseconds = serializers.IntegerField(help_text="Since the connection was begun.")


class ValidationStepSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(
        choices=[
            "route",
            "dns",
            "policy",
            "connect",
            "greeting",
            "helo",
            "starttls",
            "auth",
            "mail",
            "rcpt",
            "data",
            "quit",
        ]
    )
    verdict = serializers.CharField(help_text="passed, warning, failed")
    milliseconds = serializers.IntegerField()
    host = serializers.CharField(allow_blank=True)
    endpoint = serializers.CharField(allow_blank=True)
    dialogue = DialogueLineSerializer(many=True)
    reply = serializers.JSONField(help_text="{code, enhanced, text}: the words that decided it, or null.")
    reason = serializers.JSONField(help_text="{code, side, title, explanation, fixes}, or null.")


class ValidationSerializer(serializers.Serializer[Any]):
    verdict = serializers.CharField(help_text="passed, warning (it works, but), failed")
    sender = serializers.CharField(allow_blank=True)
    recipient = serializers.CharField()
    milliseconds = serializers.IntegerField()
    test_message_sent = serializers.BooleanField()
    tls = serializers.JSONField(help_text="{version, cipher, verified}, or null in clear text.")
    steps = ValidationStepSerializer(many=True)


class SendConnectorViewSet(ConfigurationViewSet[SendConnector]):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.CONFIGURE
    serializer_class = SendConnectorSerializer
    queryset = SendConnector.objects.none()
    filterset_fields = ("name", "enabled", "usage")
    unscoped = frozenset({"validate"})
    previews_routes = True

    @override
    def rows(self) -> QuerySet[SendConnector]:
        return send_connectors(self.tenant_id)

    @override
    def perform_create(self, data: dict[str, Any]) -> SendConnector:
        return create_send_connector(actor=self.actor, tenant=self.tenant, **_for_action(data))

    @override
    def perform_change(self, row: SendConnector, data: dict[str, Any]) -> SendConnector:
        return change_send_connector(actor=self.actor, connector=row, **_for_action(data))

    @override
    def perform_remove(self, row: SendConnector) -> None:
        delete_send_connector(actor=self.actor, connector=row)

    @extend_schema(request=ValidateSerializer, responses=ValidationSerializer, parameters=[TENANT])
    @action(detail=True, methods=["post"])
    def validate(self, request: Request, pk: str) -> Response:
        """Walk the connector's way to a recipient now, and show each step with its time and the peer's words."""
        with self.scope():
            row = self.get_object()
        serializer = ValidateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        validation = validate_send_connector(
            actor=self.actor, tenant_id=self.tenant_id, connector_id=row.pk, **serializer.validated_data
        )
        return Response(validation.to_json())


def _for_action(data: dict[str, Any]) -> dict[str, Any]:
    fields = dict(data)
    if "address_spaces" in fields:
        fields["address_spaces"] = [
            SpaceInput(item["pattern"], item.get("cost", 1)) for item in fields["address_spaces"]
        ]
    if "smart_hosts" in fields:
        fields["smart_hosts"] = [HostInput(item["host"], item.get("port")) for item in fields["smart_hosts"]]
    return fields
