"""`retry-clock/`: when what fails is tried again, and the times that come of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from postroom.api.scoped import ScopedView
from postroom.api.viewsets import DRY_RUN, TENANT
from tenants.models import Tenant
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.actions.retry_clock import change_retry_clock, clock_of
from transport.routing.retry import InvalidRetrySchedule, format_duration, parse_duration
from transport.routing.retry_times import moments


class MomentSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["attempt", "more", "delay_notice", "expiry"])
    number = serializers.IntegerField(help_text="Of an attempt; of “more” how many attempts are left out here.")
    after = serializers.CharField(help_text="Hours and minutes after the message came in.")
    seconds = serializers.IntegerField()


class RetryClockSerializer(serializers.Serializer[Any]):
    retry_schedule = serializers.CharField(
        max_length=200, required=False, help_text="1m*4, 5m*6, 10m: four times after a minute, six times after five, …"
    )
    message_expiration_timeout = serializers.CharField(max_length=40, required=False, help_text="2d, 36h, …")
    delay_notification_timeout = serializers.CharField(max_length=40, required=False, help_text="4h, 30m, …")
    attempts = serializers.IntegerField(read_only=True, help_text="Until the message is given up.")
    moments = MomentSerializer(many=True, read_only=True)

    def validate_message_expiration_timeout(self, value: str) -> timedelta:
        return _duration(value)

    def validate_delay_notification_timeout(self, value: str) -> timedelta:
        return _duration(value)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text.replace(" ", ""))
    except InvalidRetrySchedule as error:
        raise serializers.ValidationError(str(error)) from None
    except OverflowError:
        raise serializers.ValidationError("That is too long.") from None


class RetryClockView(ScopedView):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.MANAGE_TENANT

    @extend_schema(responses=RetryClockSerializer, parameters=[TENANT])
    def get(self, request: Request) -> Response:
        """The clock, with the times that come of it."""
        return Response(_told(self.tenant))

    @extend_schema(request=RetryClockSerializer, responses=RetryClockSerializer, parameters=[TENANT, DRY_RUN])
    def patch(self, request: Request) -> Response:
        """Change it; with dry_run only show the times that would come of it."""
        serializer = RetryClockSerializer(data=request.data)
        if isinstance(request.data, dict):
            for name in sorted(request.data.keys() - serializer.fields.keys()):
                raise Problem("api.unknown_field", field=name[:64], name=name[:64])
        serializer.is_valid(raise_exception=True)
        return self.written(lambda: self._changed(serializer.validated_data))

    def _changed(self, changes: dict[str, Any]) -> tuple[dict[str, Any], int]:
        row = change_retry_clock(actor=self.actor, tenant=self.tenant, **changes)
        return _told(row), status.HTTP_200_OK


def _told(tenant: Tenant) -> dict[str, Any]:
    clock = clock_of(tenant)
    return {
        "retry_schedule": str(clock),
        "message_expiration_timeout": format_duration(clock.expiry),
        "delay_notification_timeout": format_duration(clock.delay_notice),
        "attempts": clock.attempts_before(clock.expiry),
        "moments": [each.to_json() for each in moments(clock)],
    }
