"""`mailboxes/`: people who get mail, with their addresses; the primary one is the reply address."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from typing_extensions import override

from postroom.api.parts import PartSerializer
from postroom.api.viewsets import ConfigurationViewSet
from tenants.access import mailboxes
from tenants.actions.mailboxes import MAX_QUOTA, AddressInput, change_mailbox, create_mailbox, delete_mailbox
from tenants.models import Mailbox
from tenants.problems import Problem
from transport.authentication.scram import make_verifier

SHORTEST_PASSWORD = 10


class AddressSerializer(PartSerializer):
    address = serializers.CharField(max_length=320, source="__str__")
    is_primary = serializers.BooleanField(default=False)


class MailboxSerializer(serializers.ModelSerializer[Mailbox]):
    addresses = AddressSerializer(many=True)
    password = serializers.CharField(
        write_only=True, required=False, max_length=256, help_text="For SMTP log-in; never shown again."
    )
    quota = serializers.IntegerField(required=False, min_value=1, max_value=MAX_QUOTA, help_text="Bytes.")

    class Meta:
        model = Mailbox
        fields = ["id", "display_name", "addresses", "password", "quota", "used_bytes", "enabled", "created_at"]
        read_only_fields = ["used_bytes", "created_at"]


class MailboxViewSet(ConfigurationViewSet[Mailbox]):
    serializer_class = MailboxSerializer
    queryset = Mailbox.objects.none()
    filterset_fields = ("enabled", "display_name")

    @override
    def rows(self) -> QuerySet[Mailbox]:
        return mailboxes(self.tenant_id)

    @override
    def perform_create(self, data: dict[str, Any]) -> Mailbox:
        return create_mailbox(actor=self.actor, tenant=self.tenant, **_for_action(data))

    @override
    def perform_change(self, row: Mailbox, data: dict[str, Any]) -> Mailbox:
        return change_mailbox(actor=self.actor, mailbox=row, **_for_action(data))

    @override
    def perform_remove(self, row: Mailbox) -> None:
        delete_mailbox(actor=self.actor, mailbox=row)


def _for_action(data: dict[str, Any]) -> dict[str, Any]:
    fields = dict(data)
    if "addresses" in fields:
        fields["addresses"] = [
            AddressInput(item["__str__"], item.get("is_primary", False)) for item in fields["addresses"]
        ]
    if (password := fields.pop("password", None)) is not None:
        if len(password) < SHORTEST_PASSWORD:
            raise Problem("user.weak_password", field="password", why=f"Use at least {SHORTEST_PASSWORD} characters.")
        fields["verifier"] = make_verifier(password)
    return fields
