"""`mailboxes/`: people who get mail, with their addresses; the primary one is the reply address."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from typing_extensions import override

from postroom.api.parts import PartSerializer
from postroom.api.viewsets import ConfigurationViewSet
from tenants.access import mailboxes, verifier_beside
from tenants.actions.mailboxes import MAX_QUOTA, AddressInput, change_mailbox, create_mailbox, delete_mailbox
from tenants.actions.send_as import set_send_as
from tenants.models import Mailbox
from tenants.permissions import Permission
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

    send_as = serializers.ListField(
        child=serializers.CharField(max_length=320),
        required=False,
        max_length=100,
        help_text="Mailboxes of the organisation, by address, whose log-ins may send as this one; the whole list.",
    )

    class Meta:
        model = Mailbox
        fields = [
            "id",
            "display_name",
            "addresses",
            "password",
            "quota",
            "used_bytes",
            "enabled",
            "send_as",
            "suspension_reason",
            "suspension_mode",
            "suspended_at",
            "suspended_by",
            "created_at",
        ]
        read_only_fields = ["used_bytes", "suspended_at", "suspended_by", "created_at"]

    @override
    def to_representation(self, instance: Mailbox) -> dict[str, Any]:
        instance.send_as = sorted(  # type: ignore[attr-defined]
            str(grant.grantee.primary_address) for grant in instance.send_as_grants.all()
        )
        return super().to_representation(instance)


class MailboxViewSet(ConfigurationViewSet[Mailbox]):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.CONFIGURE
    serializer_class = MailboxSerializer
    queryset = Mailbox.objects.none()
    filterset_fields = ("enabled", "display_name")

    @override
    def rows(self) -> QuerySet[Mailbox]:
        return mailboxes(self.tenant_id).prefetch_related("send_as_grants__grantee__addresses")

    @override
    def perform_create(self, data: dict[str, Any]) -> Mailbox:
        send_as = data.pop("send_as", None)
        row = create_mailbox(actor=self.actor, tenant=self.tenant, **_for_action(data))
        if send_as:
            set_send_as(actor=self.actor, mailbox=row, addresses=send_as)
        return row

    @override
    def perform_change(self, row: Mailbox, data: dict[str, Any]) -> Mailbox:
        send_as = data.pop("send_as", None)
        if data or send_as is None:
            row = change_mailbox(actor=self.actor, mailbox=row, **_for_action(data, row))
        if send_as is not None:
            set_send_as(actor=self.actor, mailbox=row, addresses=send_as)
        return row

    @override
    def perform_remove(self, row: Mailbox) -> None:
        delete_mailbox(actor=self.actor, mailbox=row)


def _for_action(data: dict[str, Any], row: Mailbox | None = None) -> dict[str, Any]:
    fields = dict(data)
    if "addresses" in fields:
        fields["addresses"] = [
            AddressInput(item["__str__"], item.get("is_primary", False)) for item in fields["addresses"]
        ]
    if (password := fields.pop("password", None)) is not None:
        if len(password) < SHORTEST_PASSWORD:
            raise Problem("user.weak_password", field="password", why=f"Use at least {SHORTEST_PASSWORD} characters.")
        fields["verifier"] = make_verifier(password, beside=verifier_beside(row))
    return fields
