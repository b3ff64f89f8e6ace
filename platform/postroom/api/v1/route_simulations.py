"""`route-simulations/`: the whole decision for a sender and a recipient; nothing is sent."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from postroom.api.scoped import ScopedView
from postroom.api.viewsets import TENANT
from tenants.permissions import Permission
from transport.actions.simulate import simulate


class RouteSimulationSerializer(serializers.Serializer[Any]):
    sender = serializers.CharField(allow_blank=True, max_length=320)
    recipient = serializers.CharField(max_length=320)
    client_ip = serializers.IPAddressField(
        required=False,
        help_text="As from this address, through its receive connector; without it as submitted by the sender's "
        "mailbox.",
    )
    port = serializers.IntegerField(
        required=False, min_value=1, max_value=65535, help_text="The listener's, with client_ip; without it: relay-in."
    )
    size = serializers.IntegerField(required=False, min_value=0, max_value=2**40, default=0, help_text="Bytes.")


class OutcomeSerializer(serializers.Serializer[Any]):
    recipient = serializers.CharField()
    verdict = serializers.ChoiceField(choices=["delivered", "leaves", "waits", "handed_over", "refused"])
    next_hop = serializers.CharField(allow_blank=True)
    delivery_type = serializers.CharField(allow_blank=True)
    reason_code = serializers.CharField(allow_blank=True)
    reply = serializers.CharField(allow_blank=True, help_text="What a refused client is told over SMTP.")


class ConsideredSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    verdict = serializers.CharField(help_text="won, lost")
    why = serializers.CharField()


class StepSerializer(serializers.Serializer[Any]):
    step = serializers.CharField(help_text="client, sender, recipient, connector")
    subject = serializers.CharField()
    verdict = serializers.CharField()
    detail = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    facts = serializers.DictField(child=serializers.CharField())
    considered = ConsideredSerializer(many=True)


class TraceSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    steps = StepSerializer(many=True)


class SimulatedRouteSerializer(serializers.Serializer[Any]):
    outcomes = OutcomeSerializer(many=True)
    trace = TraceSerializer()


class RouteSimulationView(ScopedView):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.VIEW

    @extend_schema(request=RouteSimulationSerializer, responses=SimulatedRouteSerializer, parameters=[TENANT])
    def post(self, request: Request) -> Response:
        """Decide as the mail flow would, and say why."""
        serializer = RouteSimulationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        simulation = simulate(
            tenant=self.tenant,
            sender=data["sender"],
            recipient=data["recipient"],
            size=data["size"],
            client_address=data.get("client_ip"),
            port=data.get("port"),
        )
        return Response(simulation.to_json())
