"""`mailboxes/{id}/app-passwords/`: passwords of mail programs; each is in the answer to its making and nowhere else."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers
from typing_extensions import override

from postroom.api.viewsets import ConfigurationViewSet
from tenants.access import app_passwords, mailboxes, one, verifier_beside
from tenants.actions.app_passwords import create_app_password, revoke_app_password
from tenants.models import AppPassword
from tenants.permissions import Permission
from transport.authentication.app_passwords import make_app_password


class AppPasswordSerializer(serializers.ModelSerializer[AppPassword]):
    password = serializers.CharField(read_only=True, required=False, help_text="Only in the answer to its making.")

    class Meta:
        model = AppPassword
        fields = ["id", "name", "prefix", "password", "created_at", "last_used_at", "last_used_address"]
        read_only_fields = ["prefix", "created_at", "last_used_at", "last_used_address"]


class AppPasswordViewSet(ConfigurationViewSet[AppPassword]):
    needs_to_read = Permission.RESET_PASSWORDS
    needs_to_write = Permission.RESET_PASSWORDS
    serializer_class = AppPasswordSerializer
    queryset = AppPassword.objects.none()
    seals_answers = True  # they hold the password
    http_method_names = ["get", "post", "delete", "head", "options"]

    @override
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.mailbox_id = kwargs.pop("mailbox", "")
        return super().dispatch(request, *args, **kwargs)

    @override
    def rows(self) -> QuerySet[AppPassword]:
        return app_passwords(one(mailboxes(self.tenant_id), self.mailbox_id))

    @override
    def perform_create(self, data: dict[str, Any]) -> AppPassword:
        mailbox = one(mailboxes(self.tenant_id), self.mailbox_id)
        new = make_app_password(beside=verifier_beside(mailbox))
        self._password = new.text
        return create_app_password(
            actor=self.actor,
            mailbox=mailbox,
            name=data["name"],
            prefix=new.prefix,
            verifier=new.verifier,
            by_role=self.role,
        )

    @override
    def _shown(self, row: AppPassword) -> Any:
        return super()._shown(row) | {"password": self._password}

    @override
    def perform_remove(self, row: AppPassword) -> None:
        revoke_app_password(actor=self.actor, app_password=row)
