"""`tenants/`: for operators' keys: the platform's tenants, each made with its first owner."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.permissions import IsOperator
from postroom.api.suspending import SuspendSerializer, suspension_asked
from postroom.api.viewsets import DRY_RUN, ConfigurationViewSet
from postroom.lifecycle_letters import ask_deletion_and_tell, keep_tenant_and_tell
from tenants.actions.actor import Actor
from tenants.actions.suspensions import resume_tenant, suspend_tenant
from tenants.actions.tenants import change_tenant, create_tenant
from tenants.limits import NAMES, limits_of, limits_under, source_of
from tenants.models import Plan, Tenant
from tenants.problems import Problem
from tenants.scope import operator_scope
from transport.routing.retry import InvalidRetrySchedule, RetryClock


class OwnerSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=320)
    password = serializers.CharField(max_length=256, required=False)


class LimitSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    source = serializers.CharField(help_text="tenant, plan or platform.")  # type: ignore[assignment]  # a field's name


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    """A limit is read as what counts; written, it overrides the plan's, and null gives it back to the plan."""

    owner = OwnerSerializer(write_only=True, required=False)
    plan = serializers.SlugRelatedField(
        slug_field="name", queryset=Plan.objects.all(), allow_null=True, required=False, help_text="Null: the default."
    )
    limits = serializers.SerializerMethodField(help_text="What counts for the tenant, and where it comes from.")
    slug = serializers.CharField(max_length=63)
    name = serializers.CharField(max_length=200, required=False)

    def validate_retry_schedule(self, value: str) -> str:
        """Return the schedule in its one form; it is read by the mail flow, which lies above the tenants."""
        try:
            return str(RetryClock.parse(value))
        except InvalidRetrySchedule as error:
            raise Problem(error.reason_code, field="retry_schedule", schedule=value, why=str(error)) from None

    @extend_schema_field(serializers.DictField(child=LimitSerializer()))
    def get_limits(self, row: Tenant) -> dict[str, Any]:
        plan = self._plan_of(row)
        limits = asdict(limits_under(row, plan))
        return {name: {"limit": limits[name], "source": source_of(row, plan, name).value} for name in NAMES}

    @override
    def to_representation(self, row: Tenant) -> dict[str, Any]:
        return super().to_representation(row) | asdict(limits_under(row, self._plan_of(row)))

    def _plan_of(self, row: Tenant) -> Plan | None:
        if row.plan_id:
            return row.plan
        view: TenantViewSet = self.context["view"]
        return view.default_plan

    class Meta:
        model = Tenant
        exclude = ["config_version", "expiry_paused_until", "deletion_counts", "deletion_by_operator"]
        read_only_fields = [
            "created_at",
            "suspended_at",
            "suspended_by",
            "suspension_reason",
            "suspension_mode",
            "deletion_due_at",
            "deletion_asked_at",
            "deletion_asked_by",
            "deletion_started_at",
        ]
        validators: ClassVar[list[Any]] = []


class DeletionSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(
        required=False, min_value=0, max_value=365, help_text="From now; what the platform's setting says if left out."
    )


class TenantViewSet(ConfigurationViewSet[Tenant]):
    serializer_class = TenantSerializer
    queryset = Tenant.objects.none()
    permission_classes = (IsOperator,)
    filterset_fields = ("slug", "status")
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    @override
    def scope(self) -> AbstractContextManager[None]:
        return operator_scope()

    @property
    @override
    def tenant_id_or_none(self) -> UUID | None:
        return None

    @cached_property
    def default_plan(self) -> Plan | None:
        """Return the plan of tenants without one of their own; read once for a whole list."""
        return Plan.objects.filter(is_default=True).first()

    @override
    def rows(self) -> QuerySet[Tenant]:
        return Tenant.objects.select_related("plan")

    @override
    def get_object(self) -> Tenant:
        """Return the tenant by its id, or by its slug, which is what people know."""
        found = self.rows().filter(slug=self.kwargs["pk"]).first()
        return found or super().get_object()

    @extend_schema(request=SuspendSerializer, parameters=[DRY_RUN])
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, pk: str) -> Response:
        """Stop the organisation: no mail in or out, no sign-in, no keys; what waits is held."""
        asked = suspension_asked(request.data)
        return self.written(lambda: self._steered(lambda row: suspend_tenant(actor=self.actor, tenant=row, **asked)))

    @extend_schema(request=None, parameters=[DRY_RUN])
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let the organisation go on as it was; what was held leaves."""
        return self.written(lambda: self._steered(lambda row: resume_tenant(actor=self.actor, tenant=row)))

    @extend_schema(request=DeletionSerializer, responses={200: TenantSerializer}, parameters=[DRY_RUN])
    @override
    def destroy(self, request: Request, pk: str) -> Response:
        """Plan the deletion; the organisation works on until then, and `keep` undoes it."""
        serializer = DeletionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        days = serializer.validated_data.get("days")

        def ask(row: Tenant) -> Tenant:
            return ask_deletion_and_tell(actor=self.operator, tenant=row, confirm=row.slug, days=days)

        return self.written(lambda: self._steered(ask))

    @extend_schema(request=None, parameters=[DRY_RUN])
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str) -> Response:
        """Undo a planned deletion."""
        return self.written(lambda: self._steered(lambda row: keep_tenant_and_tell(actor=self.operator, tenant=row)))

    @property
    def operator(self) -> Actor:
        """Return the operator's key as what it is: an operator's act in the tenant's log."""
        return replace(self.actor, kind="operator")

    def _steered(self, act: Callable[[Tenant], Tenant]) -> tuple[Any, int]:
        return self._shown(act(self.get_object())), status.HTTP_200_OK

    @override
    def perform_create(self, data: dict[str, Any]) -> Tenant:
        owner = data.pop("owner", None) or {}
        wanted = data.pop("status", Tenant.Status.ACTIVE)
        row = create_tenant(
            actor=self.actor, owner_email=owner.get("email", ""), owner_password=owner.get("password"), **data
        )
        return self._with_status(row, wanted)

    @override
    def perform_change(self, row: Tenant, data: dict[str, Any]) -> Tenant:
        if "owner" in data:
            raise Problem("api.immutable", field="owner")
        if data.get("slug") == row.slug:
            del data["slug"]
        # What was read may be sent back: it is no decision to make an override of the plan's figure.
        counts = asdict(limits_of(row))
        for name in data.keys() & {*NAMES}:
            if getattr(row, name) is None and data[name] == counts[name]:
                del data[name]
        row = self._with_status(row, data.pop("status", row.status))
        return change_tenant(actor=self.actor, tenant=row, **data) if data else row

    def _with_status(self, row: Tenant, wanted: str) -> Tenant:
        """Suspend or resume by writing the status: for programs that have no reason to tell, or tell it elsewhere."""
        if wanted == row.status:
            return row
        if wanted == Tenant.Status.SUSPENDED:
            return suspend_tenant(actor=self.actor, tenant=row, reason=gettext("Suspended over the API."))
        return resume_tenant(actor=self.actor, tenant=row)
