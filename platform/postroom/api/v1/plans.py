"""`plans/`: for operators' keys: sets of limits that tenants are given; a change counts for all that have the plan."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from typing_extensions import override

from postroom.api.permissions import IsOperator
from postroom.api.viewsets import ConfigurationViewSet
from tenants.actions.plans import FIELDS, change_plan, create_plan, delete_plan
from tenants.models import Plan
from tenants.scope import operator_scope


class PlanSerializer(serializers.ModelSerializer[Plan]):
    """Limits are counts, or bytes where the name says size or storage; `weight` is a share of the workers."""

    class Meta:
        model = Plan
        fields = ["id", "created_at", *sorted(FIELDS)]
        read_only_fields = ["created_at"]
        validators: ClassVar[list[Any]] = []
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {"name": {"validators": []}}


class PlanViewSet(ConfigurationViewSet[Plan]):
    serializer_class = PlanSerializer
    queryset = Plan.objects.none()
    permission_classes = (IsOperator,)
    filterset_fields = ("name", "is_default")
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    @override
    def scope(self) -> AbstractContextManager[None]:
        return operator_scope()

    @property
    @override
    def tenant_id_or_none(self) -> UUID | None:
        return None

    @override
    def rows(self) -> QuerySet[Plan]:
        return Plan.objects.all()

    @override
    def perform_create(self, data: dict[str, Any]) -> Plan:
        return create_plan(actor=self.actor, **data)

    @override
    def perform_change(self, row: Plan, data: dict[str, Any]) -> Plan:
        return change_plan(actor=self.actor, plan=row, **data)

    @override
    def perform_remove(self, row: Plan) -> None:
        delete_plan(actor=self.actor, plan=row)
