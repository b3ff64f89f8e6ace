"""`usage/`: what the tenant has used of what its plan allows, and which limits it is near to."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from postroom.api.scoped import ScopedView
from postroom.api.viewsets import TENANT
from tenants.permissions import Permission
from transport.models import LimitNotice, Period
from transport.usage.report import recent_notices, top_senders, usage_of
from transport.usage.words import label_of


class LineSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field's name
    limit = serializers.IntegerField()
    used = serializers.IntegerField(
        allow_null=True, help_text="Null for what is asked of each message or mailbox by itself."
    )
    share = serializers.IntegerField(allow_null=True, help_text="Per cent.")
    state = serializers.ChoiceField(choices=["ok", "near", "reached"])
    resets_at = serializers.DateTimeField(allow_null=True)
    source = serializers.CharField(help_text="tenant, plan or platform.")  # type: ignore[assignment]  # a field's name
    consequence = serializers.CharField(help_text="What happens where it is reached.")


class SenderSerializer(serializers.Serializer[Any]):
    mailbox_id = serializers.UUIDField()
    name = serializers.CharField()
    address = serializers.CharField()
    messages = serializers.IntegerField()
    recipients = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="How often it was put off.")
    is_put_off = serializers.BooleanField()


class NoticeSerializer(serializers.ModelSerializer[LimitNotice]):
    name = serializers.CharField(source="limit_name")
    label = serializers.SerializerMethodField()  # type: ignore[assignment]  # a field's name
    limit = serializers.IntegerField(source="allowed")

    class Meta:
        model = LimitNotice
        fields = ["name", "label", "level", "used", "limit", "began_at", "ended_at", "told_at"]

    def get_label(self, row: LimitNotice) -> str:
        return label_of(row.limit_name)


class UsageSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField()
    limits = LineSerializer(many=True)
    top_senders_this_hour = SenderSerializer(many=True)
    top_senders_today = SenderSerializer(many=True)
    notices = NoticeSerializer(many=True)


class UsageView(ScopedView):
    needs_to_read = Permission.VIEW

    @extend_schema(responses=UsageSerializer, parameters=[TENANT])
    def get(self, request: Request) -> Response:
        """Limits with what is used of them; days and hours are those of the clock in UTC."""
        report = usage_of(self.tenant)
        return Response(
            {
                "plan": report.plan,
                "limits": [line.to_json() for line in report.lines],
                "top_senders_this_hour": [one.to_json() for one in top_senders(self.tenant, Period.HOUR)],
                "top_senders_today": [one.to_json() for one in top_senders(self.tenant, Period.DAY)],
                "notices": NoticeSerializer(recent_notices(self.tenant_id), many=True).data,
            }
        )
