"""`receive-connectors/tests/`: what a client would be allowed to do, and why; nothing is sent."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from postroom.api.scoped import ScopedView
from postroom.api.v1.route_simulations import TraceSerializer
from postroom.api.viewsets import TENANT
from tenants.permissions import Permission
from transport.actions.clients import try_client
from transport.actions.receive_connectors import fingerprint_of


class ClientTestSerializer(serializers.Serializer[Any]):
    client_ip = serializers.IPAddressField(help_text="The client's address.")
    port = serializers.IntegerField(
        required=False, min_value=1, max_value=65535, help_text="The listener's; without it: relay-in."
    )
    user = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=320, help_text="Who logs in; empty: nobody."
    )
    certificate = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=20_000,
        help_text="SHA-256 of the certificate that it shows, or of its public key; empty: none.",
    )
    sender = serializers.CharField(required=False, allow_blank=True, default="", max_length=320)


class ClientTestAnswerSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=["relays", "delivers", "log_in", "refused"])
    listener = serializers.CharField(allow_blank=True)
    permission = serializers.CharField(allow_blank=True, help_text="The relay permission that counts.")
    origin = serializers.CharField(allow_blank=True)
    tls = serializers.ChoiceField(choices=["implicit", "required", "offered", "none"], allow_blank=True)
    reply = serializers.CharField(allow_blank=True, help_text="What the client is told over SMTP.")
    reason_code = serializers.CharField(allow_blank=True)
    rights = serializers.ListField(child=serializers.CharField())
    limits = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    trace = TraceSerializer()


class ClientTestView(ScopedView):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.VIEW

    @extend_schema(request=ClientTestSerializer, responses=ClientTestAnswerSerializer, parameters=[TENANT])
    def post(self, request: Request) -> Response:
        """Say which receive connector takes a client, what it may do there, and what limits it meets."""
        serializer = ClientTestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        answer = try_client(
            tenant=self.tenant,
            address=data["client_ip"],
            port=data.get("port"),
            user=data["user"],
            sender=data["sender"],
            certificate=fingerprint_of(data["certificate"]) if data["certificate"] else "",
        )
        return Response(answer.to_json())
