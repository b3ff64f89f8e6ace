"""What would happen to a message: the routing function asked, and nothing sent or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q

from tenants.actions.domains import domain_for_address
from tenants.models import EmailAddress, Tenant
from tenants.names import local_key, split_mailbox_address
from tenants.problems import Problem
from tenants.scope import scope
from transport.actions.clients import arrive
from transport.queue.snapshots import route_now
from transport.routing.envelope import USER_RIGHTS, Client, Envelope, Origin, anonymous_client
from transport.routing.result import DeliveryType, RoutedRecipient, Routing
from transport.routing.trace import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recipient's fate in short; `verdict` is delivered, leaves, waits, refused or handed_over.

    `handed_over`: another organisation of the platform takes it, and what happens there is its own business.
    """

    recipient: str
    verdict: str
    next_hop: str
    delivery_type: str
    reason_code: str
    reply: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Simulation:
    routing: Routing
    outcomes: tuple[Outcome, ...]

    def to_json(self) -> dict[str, Any]:
        keys = ("recipient", "verdict", "next_hop", "delivery_type", "reason_code", "reply")
        told = [{key: getattr(outcome, key) for key in keys} for outcome in self.outcomes]
        return {"outcomes": told, "trace": self.routing.trace.to_json()}


def simulate(
    *,
    tenant: Tenant | None,
    sender: str,
    recipient: str,
    size: int = 4096,
    client_address: str | None = None,
    port: int | None = None,
) -> Simulation:
    """Route an imagined message: the tenant's own where `sender` is of it, else a stranger's from the Internet.

    From a client's address it comes in through the receive connector that takes it there, on that port (without one:
    relay-in): by a relay permission of the tenant's, or as a stranger's whatever the sender. A tenant is told of
    another one's mail what any sender would be told at RCPT, and no more; without a tenant an operator asks, and is
    told all.
    """
    client = _client(tenant, sender, client_address, port)
    routing = route_now(Envelope(sender, (recipient,), size, client))
    if tenant is not None:
        routing = replace(routing, trace=routing.trace.for_tenant(tenant.pk, unowned=True))
    outcomes = [
        _outcome(one) if tenant is None or message.tenant_id == tenant.pk else _handed_over(one)
        for message in routing.messages
        for one in message.recipients
    ]
    refused = [_outcome(one) for one in routing.refused]
    if tenant is not None and not any(step.verdict is Verdict.REFUSED for step in routing.trace.steps):
        # Refused by another organisation: its reply is for everybody, which mailbox or connector is at fault is not.
        refused = [replace(one, facts={"recipient": one.recipient}) for one in refused]
    return Simulation(routing, (*outcomes, *refused))


def _client(tenant: Tenant | None, sender: str, address: str | None, port: int | None) -> Client:
    if address is not None:
        found = arrive(tenant=tenant, address=address, port=port, sender=sender).client
        # Where nobody listens there is no connector to speak of, and the way is asked for all the same.
        return found or anonymous_client(address=address)
    if tenant is None:
        return anonymous_client()
    try:
        local, domain = split_mailbox_address(sender)
    except Problem:
        return anonymous_client(address=address)
    with scope(tenant):
        if domain_for_address(tenant.pk, domain) is None:
            return anonymous_client(address=address)
        row = EmailAddress.objects.filter(
            Q(accepted_domain__domain=domain) | Q(accepted_domain__match_subdomains=True),
            tenant=tenant,
            domain=domain,
            local_key=local_key(local),
        ).first()
    return Client(Origin.SUBMISSION, tenant.pk, row.mailbox_id if row else None, "", address, USER_RIGHTS)


def _handed_over(one: RoutedRecipient) -> Outcome:
    return Outcome(one.original, "handed_over", "", "", "", "", {})


def _outcome(one: RoutedRecipient) -> Outcome:
    if one.refusal is not None:
        refusal = one.refusal
        return Outcome(one.original, "refused", "", "", refusal.reason_code, refusal.reply.wire(), refusal.facts)
    hop = one.next_hop
    assert hop is not None, "what is not refused has a next hop"
    verdicts = {DeliveryType.MAILBOX: "delivered", DeliveryType.UNREACHABLE: "waits"}
    verdict = verdicts.get(hop.delivery_type, "leaves")
    return Outcome(one.original, verdict, hop.domain, hop.delivery_type.value, one.reason_code or "", "", one.facts)
