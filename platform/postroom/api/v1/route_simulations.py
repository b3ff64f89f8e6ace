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
from transport.actions.receive_connectors import fingerprint_of
from transport.actions.simulate import simulate, with_ways


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
    user = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=320,
        help_text="Who logs in: a mailbox's address, or, with client_ip, a relay permission's user name.",
    )
    certificate = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=20_000,
        help_text="With client_ip: SHA-256 of the certificate that it shows, or of its public key.",
    )
    size = serializers.IntegerField(required=False, min_value=0, max_value=2**40, default=0, help_text="Bytes.")
    look_up = serializers.BooleanField(required=False, default=True, help_text="Ask DNS for the hosts of the way.")


class HostAddressSerializer(serializers.Serializer[Any]):
    address = serializers.CharField()
    port = serializers.IntegerField()
    obstacle = serializers.CharField(allow_blank=True, help_text="The reason why we would not connect there.")


class MailHostSerializer(serializers.Serializer[Any]):
    host = serializers.CharField()
    preference = serializers.IntegerField(allow_null=True, help_text="Of its MX record; null for a smart host.")
    addresses = HostAddressSerializer(many=True)


class WayDnsSerializer(serializers.Serializer[Any]):
    asked = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True, help_text="Where DNS leads to no host.")
    reply = serializers.CharField(allow_blank=True)
    explanation = serializers.CharField(allow_blank=True)


class WayConnectorSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class WayConnectionSerializer(serializers.Serializer[Any]):
    address = serializers.CharField()
    limit = serializers.IntegerField(help_text="Connections that the platform has to it at a time, at most.")
    is_free = serializers.BooleanField(help_text="False: it would wait for one.")
    taken = serializers.IntegerField(required=False, help_text="Told to operators.")


class WayErrorSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)
    peer_text = serializers.CharField(allow_blank=True)
    endpoint = serializers.CharField(allow_blank=True)
    explanation = serializers.CharField(allow_blank=True)


class WayQueueSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.CharField(allow_blank=True, help_text="Empty: nothing ever waited for this next hop.")
    waiting_before = serializers.IntegerField()
    is_counted_out = serializers.BooleanField(help_text="False: there are more than were counted.")
    oldest_at = serializers.DateTimeField(allow_null=True)
    next_retry_at = serializers.DateTimeField(allow_null=True)
    last_error = WayErrorSerializer(allow_null=True)


class WaySerializer(serializers.Serializer[Any]):
    outlook = serializers.ChoiceField(choices=["goes", "waits", "comes_back"])
    connector = WayConnectorSerializer(allow_null=True)
    tls = serializers.CharField(allow_blank=True, help_text="The connector's level.")
    mta_sts = serializers.CharField(allow_blank=True, help_text="enforce or testing: the domain's policy that counts.")
    greets_as = serializers.CharField(allow_blank=True)
    source_address = serializers.CharField(allow_null=True)
    dns = WayDnsSerializer()
    hosts = MailHostSerializer(many=True)
    connection = WayConnectionSerializer(allow_null=True)
    queue = WayQueueSerializer()
    unknown = serializers.ListField(child=serializers.CharField(), help_text="What shows only when it is tried.")


class OutcomeSerializer(serializers.Serializer[Any]):
    recipient = serializers.CharField()
    verdict = serializers.ChoiceField(choices=["delivered", "leaves", "waits", "handed_over", "refused"])
    next_hop = serializers.CharField(allow_blank=True)
    delivery_type = serializers.CharField(allow_blank=True)
    reason_code = serializers.CharField(allow_blank=True)
    reply = serializers.CharField(allow_blank=True, help_text="What a refused client is told over SMTP.")
    way = WaySerializer(allow_null=True, help_text="How it goes on; null where it is refused or handed over.")


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


class HandingInSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=["relays", "delivers", "log_in", "refused"])
    listener = serializers.CharField(allow_blank=True, help_text="The receive connector; empty: not known.")
    permission = serializers.CharField(allow_blank=True)
    origin = serializers.CharField(allow_blank=True)
    tls = serializers.CharField(allow_blank=True)
    reply = serializers.CharField(allow_blank=True)
    reason_code = serializers.CharField(allow_blank=True)
    rights = serializers.ListField(child=serializers.CharField())
    limits = serializers.DictField(child=serializers.IntegerField(allow_null=True))


class TurnSerializer(serializers.Serializer[Any]):
    percent = serializers.IntegerField(help_text="Of the workers' turns: now, or if something were sent now.")
    turns_before = serializers.IntegerField(help_text="Turns of others, at most, before this tenant's next one.")


class SimulatedRouteSerializer(serializers.Serializer[Any]):
    outcomes = OutcomeSerializer(many=True)
    client = HandingInSerializer()
    trace = TraceSerializer()
    unknown = serializers.ListField(child=serializers.CharField())
    share = TurnSerializer(allow_null=True, help_text="The tenant's, of the workers; null where nothing is to be sent.")


class RouteSimulationView(ScopedView):
    needs_to_read = Permission.VIEW
    needs_to_write = Permission.VIEW
    unscoped = frozenset({None})  # type: ignore[arg-type]  # a plain view has no action: DNS is asked in no scope

    @extend_schema(request=RouteSimulationSerializer, responses=SimulatedRouteSerializer, parameters=[TENANT])
    def post(self, request: Request) -> Response:
        """Decide as the mail flow would, say why, and look at the way that it would go."""
        serializer = RouteSimulationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        with self.scope():
            simulation = simulate(
                tenant=self.tenant,
                sender=data["sender"],
                recipient=data["recipient"],
                size=data["size"],
                client_address=data.get("client_ip"),
                port=data.get("port"),
                user=data["user"].strip(),
                certificate=fingerprint_of(data["certificate"]) if data["certificate"] else "",
            )
        return Response(with_ways(simulation, self.scope, ask_dns=data["look_up"]).to_json())
