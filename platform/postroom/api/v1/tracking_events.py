"""`tracking-events/`: the message tracking log, newest first, by Exchange's filters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from postroom.api.scoped import ScopedView
from postroom.api.viewsets import TENANT
from tenants.permissions import Permission
from transport.models import EventId, Source, TrackingEvent
from transport.tracking.search import MAX_PAGE, Filters, search

PAGE = 50


class TrackingEventSerializer(serializers.ModelSerializer[TrackingEvent]):
    class Meta:
        model = TrackingEvent
        exclude = ["tenant"]


class FilterSerializer(serializers.Serializer[Any]):
    event_id = serializers.ChoiceField(choices=EventId.choices, required=False, default="")
    # `source` is an argument of every serializer field, and may still be the name of one.
    sender = serializers.CharField(required=False, default="", max_length=320)
    recipient = serializers.CharField(required=False, default="", max_length=320)
    subject = serializers.CharField(required=False, default="", max_length=200, help_text="A part of it.")
    message_id = serializers.CharField(required=False, default="", max_length=1000)
    start = serializers.DateTimeField(required=False, default=None)
    end = serializers.DateTimeField(required=False, default=None, help_text="Exclusive.")
    cursor = serializers.UUIDField(required=False, default=None)
    page_size = serializers.IntegerField(required=False, default=PAGE, min_value=1, max_value=MAX_PAGE)


class TrackingEventViewSet(ScopedView, ViewSet):  # type: ignore[misc]  # the mixin's as_view takes the actions
    needs_to_read = Permission.VIEW

    @extend_schema(
        parameters=[TENANT, FilterSerializer, OpenApiParameter("source", str, enum=Source.values)],
        responses=TrackingEventSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Search the log of the last 31 days, or from `start` on."""
        serializer = FilterSerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        filters = Filters(
            event_id=data["event_id"],
            source=_source(request.query_params.get("source", "")),
            sender=data["sender"],
            recipient=data["recipient"],
            subject=data["subject"],
            message_id=data["message_id"],
            start=data["start"],
            end=data["end"],
        )
        page = search(self.tenant_id, filters, before=data["cursor"], limit=data["page_size"])
        shown = TrackingEventSerializer(page.events, many=True).data
        return Response({"next": _next(request, page.next_before), "previous": None, "results": shown})


def _source(text: str) -> str:
    if text and text.upper() not in Source.values:
        raise serializers.ValidationError({"source": [f"One of {', '.join(Source.values)}."]})
    return text


def _next(request: Request, before: UUID | None) -> str | None:
    if before is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = str(before)
    return request.build_absolute_uri(f"?{query.urlencode()}")
