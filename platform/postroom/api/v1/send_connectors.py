"""`send-connectors/`: how mail leaves for which address spaces."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers
from typing_extensions import override

from postroom.api.parts import PartSerializer
from postroom.api.viewsets import ConfigurationViewSet
from tenants.permissions import Permission
from transport.access import send_connectors
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_send_connector,
    delete_send_connector,
)
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
            "tls",
            "auth",
            "username",
            "password",
            "has_password",
            "max_message_size",
            "max_messages_per_connection",
            "connection_inactivity_timeout",
            "created_at",
        ]
        read_only_fields = ["created_at"]
        validators: ClassVar[list[Any]] = []

    def get_has_password(self, row: SendConnector) -> bool:
        return bool(row.password_encrypted)


class SendConnectorViewSet(ConfigurationViewSet[SendConnector]):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.CONFIGURE
    serializer_class = SendConnectorSerializer
    queryset = SendConnector.objects.none()
    filterset_fields = ("name", "enabled", "usage")

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


def _for_action(data: dict[str, Any]) -> dict[str, Any]:
    fields = dict(data)
    if "address_spaces" in fields:
        fields["address_spaces"] = [
            SpaceInput(item["pattern"], item.get("cost", 1)) for item in fields["address_spaces"]
        ]
    if "smart_hosts" in fields:
        fields["smart_hosts"] = [HostInput(item["host"], item.get("port")) for item in fields["smart_hosts"]]
    return fields
