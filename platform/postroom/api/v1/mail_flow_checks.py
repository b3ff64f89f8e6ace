"""`mail-flow-checks/`: the checklist of the tenant; POST asks DNS anew first."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from postroom.api.schema import FixSerializer
from postroom.api.scoped import ScopedView
from postroom.api.viewsets import TENANT
from tenants.models import Tenant
from tenants.permissions import Permission
from transport.checks.mail_flow import CheckItem, check_mail_flow, refresh_mail_flow


class CheckSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    status = serializers.CharField(help_text="passed, warning, failed, not_applicable, unknown")
    title = serializers.CharField()
    summary = serializers.CharField()
    why = serializers.CharField()
    subjects = serializers.ListField(child=serializers.CharField())
    fixes = FixSerializer(many=True)


class CheckListSerializer(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = CheckSerializer(many=True)


class MailFlowCheckView(ScopedView):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.VIEW
    unscoped = frozenset({None})  # type: ignore[arg-type]  # a plain view has no action: both methods scope themselves

    @extend_schema(responses=CheckListSerializer, parameters=[TENANT])
    def get(self, request: Request) -> Response:
        """The checklist from what is known now."""
        return self._answer(check_mail_flow(self._tenant()))

    @extend_schema(request=None, responses=CheckListSerializer, parameters=[TENANT])
    def post(self, request: Request) -> Response:
        """Ask DNS anew, then the checklist."""
        return self._answer(refresh_mail_flow(actor=self.actor, tenant=self._tenant()))

    def _tenant(self) -> Tenant:
        with self.scope():
            return self.tenant

    def _answer(self, items: list[CheckItem]) -> Response:
        return Response({"next": None, "previous": None, "results": [item.to_json() for item in items]})
