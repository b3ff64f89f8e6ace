"""`accepted-domains/`: names whose mail the tenant receives, their proof and their DNS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.api.permissions import IsOperator
from postroom.api.suspending import SuspendSerializer, suspension_asked
from postroom.api.viewsets import TENANT, ConfigurationViewSet
from postroom.explain import explain
from tenants.access import accepted_domains
from tenants.actions.domains import change_accepted_domain, create_accepted_domain, delete_accepted_domain
from tenants.actions.suspensions import resume_domain, suspend_domain
from tenants.lookalikes import deceptive_label
from tenants.models import AcceptedDomain
from tenants.permissions import Permission
from tenants.problems import Problem
from tenants.scope import operator_scope
from transport.checks.domain_dns import keep_findings, look_up_domain, verify_accepted_domain
from transport.checks.verdicts import DnsRecord


class VerificationSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField()


class DnsRecordSerializer(serializers.Serializer[Any]):
    purpose = serializers.CharField(help_text="verification, mx, spf, dmarc")
    type = serializers.CharField()
    name = serializers.CharField()
    value = serializers.CharField(help_text="What to publish.")
    seen = serializers.ListField(child=serializers.CharField())
    verdict = serializers.CharField(help_text="passed, warning, failed, unknown: by meaning, not by text")
    title = serializers.CharField()
    explanation = serializers.CharField()


class DomainDnsSerializer(serializers.Serializer[Any]):
    resolvable = serializers.BooleanField(allow_null=True)
    records = DnsRecordSerializer(many=True)


class WarningSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    title = serializers.CharField()
    explanation = serializers.CharField()


class AcceptedDomainSerializer(serializers.ModelSerializer[AcceptedDomain]):
    name = serializers.CharField(max_length=64, required=False)
    domain = serializers.CharField(max_length=253)
    is_default = serializers.BooleanField(required=False)
    verified = serializers.BooleanField(source="is_verified", read_only=True)
    verification_record = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField(help_text="Such as a name that passes for another.")

    class Meta:
        model = AcceptedDomain
        fields = [
            "id",
            "name",
            "domain",
            "type",
            "is_default",
            "match_subdomains",
            "verified",
            "verified_at",
            "verification_record",
            "warnings",
            "dns_checked_at",
            "suspended_at",
            "suspension_reason",
            "suspension_mode",
            "created_at",
        ]
        read_only_fields = [
            "verified_at",
            "dns_checked_at",
            "suspended_at",
            "suspension_reason",
            "suspension_mode",
            "created_at",
        ]
        # The database keeps them; the actions say which one was hit.
        validators: ClassVar[list[Any]] = []

    def get_verification_record(self, row: AcceptedDomain) -> dict[str, str]:
        name, value = row.verification_record
        return {"type": "TXT", "name": name, "value": value}

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, row: AcceptedDomain) -> list[dict[str, str]]:
        label = deceptive_label(row.domain)
        if label is None:
            return []
        told = explain("domain.deceptive", domain=row.domain, label=label)
        return [{"code": "domain.deceptive", "title": told.title, "explanation": told.text}]


class AcceptedDomainViewSet(ConfigurationViewSet[AcceptedDomain]):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.CONFIGURE
    serializer_class = AcceptedDomainSerializer
    queryset = AcceptedDomain.objects.none()
    filterset_fields = ("domain", "type", "is_default")
    unscoped = frozenset({"verify", "dns"})
    previews_routes = True

    @override
    def rows(self) -> QuerySet[AcceptedDomain]:
        return accepted_domains(self.tenant_id)

    @override
    def perform_create(self, data: dict[str, Any]) -> AcceptedDomain:
        return create_accepted_domain(actor=self.actor, tenant=self.tenant, **data)

    @override
    def perform_change(self, row: AcceptedDomain, data: dict[str, Any]) -> AcceptedDomain:
        if data.pop("domain", row.domain) != row.domain:
            raise Problem("domain.immutable", field="domain", domain=row.domain)
        return change_accepted_domain(actor=self.actor, domain=row, **data)

    @override
    def perform_remove(self, row: AcceptedDomain) -> None:
        delete_accepted_domain(actor=self.actor, domain=row)

    @extend_schema(request=None, parameters=[TENANT])
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: str) -> Response:
        """Look the proof up in DNS now; the domain is verified where it is seen."""
        with self.scope():
            row = self.get_object()
        verified = verify_accepted_domain(actor=self.actor, domain=row)
        if not verified.is_verified:
            name, value = row.verification_record
            raise Problem("domain.verification_missing", record_name=name, record_value=value, domain=row.domain)
        with self.scope():
            return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=SuspendSerializer, parameters=[TENANT])
    @action(detail=True, methods=["post"], permission_classes=[IsOperator])
    def suspend(self, request: Request, pk: str) -> Response:
        """Stop the domain, with an operator's key: no mail for it or from it; what waits is held."""
        asked = suspension_asked(request.data)
        return self.written(lambda: self._steered(lambda row: suspend_domain(actor=self.actor, domain=row, **asked)))

    @extend_schema(request=None, parameters=[TENANT])
    @action(detail=True, methods=["post"], permission_classes=[IsOperator])
    def resume(self, request: Request, pk: str) -> Response:
        """Let the domain go on, with an operator's key; what was held is released."""
        return self.written(lambda: self._steered(lambda row: resume_domain(actor=self.actor, domain=row)))

    def _steered(self, act: Callable[[AcceptedDomain], AcceptedDomain]) -> tuple[Any, int]:
        row = self.get_object()
        with operator_scope():
            act(row)
        return self._shown(row), status.HTTP_200_OK

    @extend_schema(responses={200: DomainDnsSerializer}, parameters=[TENANT])
    @action(detail=True, methods=["get"])
    def dns(self, request: Request, pk: str) -> Response:
        """Say which records the domain needs, what DNS shows now, and what that means."""
        with self.scope():
            row = self.get_object()
        findings = look_up_domain(row)
        keep_findings(actor=self.actor, domain=row, findings=findings)
        return Response({"resolvable": findings.resolvable, "records": [_explained(r) for r in findings.records]})


def _explained(record: DnsRecord) -> dict[str, Any]:
    explanation = explain(record.code, **record.facts)
    return record.to_json() | {"title": explanation.title, "explanation": explanation.text}
