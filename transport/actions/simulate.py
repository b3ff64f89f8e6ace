"""What would happen to a message: the routing function asked, and nothing sent or written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from tenants.actions.domains import domain_for_address
from tenants.models import EmailAddress, Tenant
from tenants.names import local_key, split_mailbox_address
from tenants.problems import Problem
from tenants.scope import scope
from transport.actions.clients import ClientTest, arrive, judge, mailbox_of_log_in
from transport.actions.ways import Way, find_places, look_up, prepare
from transport.queue.configuration import Configuration
from transport.queue.share import Share, share_of
from transport.queue.snapshots import route_now
from transport.routing.envelope import USER_RIGHTS, Client, Envelope, Origin, Right, anonymous_client
from transport.routing.reasons import reply_for
from transport.routing.refusals import refuse
from transport.routing.result import DeliveryType, RoutedRecipient, Routing
from transport.routing.trace import Trace, Verdict
from transport.routing.wording import Translate, gettext_noop
from transport.routing.wording import gettext_noop as _

_NO_DOOR: Final = _("Which receive connector takes it, and with what limits: give the address that the client has.")
_ELSEWHERE: Final = _("What another organisation here does with it is its own business.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recipient's fate in short; `verdict` is delivered, leaves, waits, refused or handed_over.

    `handed_over`: another organisation of the platform takes it, and what happens there is its own business.
    `way` is how it goes on from there: its queue, and for what leaves the hosts, TLS and the connection.
    """

    recipient: str
    verdict: str
    next_hop: str
    delivery_type: str
    reason_code: str
    reply: str
    facts: Mapping[str, Any]
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """The whole decision. `client` is who hands it in, and by which receive connector where that can be known."""

    routing: Routing
    outcomes: tuple[Outcome, ...]
    client: ClientTest
    for_operator: bool = False
    share: Share | None = None  # of the workers, for what of the tenant's would leave

    def unknown(self, translate: Translate = gettext_noop) -> list[str]:
        """Return what of the decision itself cannot be known from what was asked."""
        told = [] if self.client.listener or self.client.reason_code else [_NO_DOOR]
        if any(one.verdict == "handed_over" for one in self.outcomes):
            told.append(_ELSEWHERE)
        return [translate(text) for text in told]

    def to_json(self, translate: Translate = gettext_noop) -> dict[str, Any]:
        """Return it for programs."""
        client = self.client.to_json()
        del client["trace"]
        return {
            "outcomes": [self._outcome_json(one, translate) for one in self.outcomes],
            "client": client,
            "trace": self.routing.trace.to_json(translate),
            "unknown": self.unknown(translate),
            "share": {"percent": self.share.percent, "turns_before": self.share.turns_before} if self.share else None,
        }

    def _outcome_json(self, outcome: Outcome, translate: Translate) -> dict[str, Any]:
        keys = ("recipient", "verdict", "next_hop", "delivery_type", "reason_code", "reply")
        way = outcome.way.to_json(translate, for_operator=self.for_operator) if outcome.way else None
        return {key: getattr(outcome, key) for key in keys} | {"way": way}


def simulate(
    *,
    tenant: Tenant | None,
    sender: str,
    recipient: str,
    size: int = 4096,
    client_address: str | None = None,
    port: int | None = None,
    user: str = "",
    certificate: str = "",
) -> Simulation:
    """Route an imagined message: the tenant's own where `sender` is of it, else a stranger's from the Internet.

    From a client's address it comes in through the receive connector that takes it there, on that port (without one:
    relay-in): by a relay permission of the tenant's, or as a stranger's whatever the sender. `user` is who logged in:
    a mailbox's address, or, with a client's address, a relay permission's user name; `certificate` the fingerprint of
    the one that the client at that address shows. A tenant is told of another one's mail what any sender would be told
    at RCPT, and no more; without a tenant an operator asks, and is told all.

    What DNS says of the way is missing yet: see `with_ways`.
    """
    client, told = _client(tenant, sender, client_address, port, user, certificate)
    if client is None:
        return _turned_away(tenant, recipient, told)
    configuration = Configuration()
    routing = route_now(Envelope(sender, (recipient,), size, client), configuration)
    if tenant is not None:
        routing = replace(routing, trace=routing.trace.for_tenant(tenant.pk, unowned=True))
    limit = _size_limit(client, told, configuration)
    if limit is not None and size > limit and routing.sender_refusal is None:
        refused = RoutedRecipient(recipient, recipient, None, refuse("message.too_large", size=size, limit=limit))
        return Simulation(routing, (_outcome(refused),), told, tenant is None)
    outcomes = tuple(_outcomes(tenant, routing))
    share = share_of(tenant) if tenant is not None and any(one.way is not None for one in outcomes) else None
    return Simulation(routing, outcomes, told, tenant is None, share)


def with_ways(
    simulation: Simulation, scope: Callable[[], AbstractContextManager[None]], *, ask_dns: bool = True
) -> Simulation:
    """Add what DNS and the connections to the hosts it names say of the way.

    Call it outside of any scope; `scope` is entered for what the database knows.
    """
    ways = [one.way for one in simulation.outcomes if one.way is not None]
    if ask_dns and ways:
        found = look_up(ways)
        with scope():
            found = find_places(found)
        by_queue = {way.queue_id: way for way in found}
        outcomes = [replace(one, way=by_queue[one.way.queue_id]) if one.way else one for one in simulation.outcomes]
        return replace(simulation, outcomes=tuple(outcomes))
    return simulation


def _outcomes(tenant: Tenant | None, routing: Routing) -> list[Outcome]:
    outcomes = [
        _with_way(message.tenant_id, one) if tenant is None or message.tenant_id == tenant.pk else _handed_over(one)
        for message in routing.messages
        for one in message.recipients
    ]
    refused = [_outcome(one) for one in routing.refused]
    if tenant is not None and not any(step.verdict is Verdict.REFUSED for step in routing.trace.steps):
        # Refused by another organisation: its reply is for everybody, which mailbox or connector is at fault is not.
        refused = [replace(one, facts={"recipient": one.recipient}) for one in refused]
    return [*outcomes, *refused]


def _turned_away(tenant: Tenant | None, recipient: str, told: ClientTest) -> Simulation:
    """Return the answer where the client does not get as far as to name a recipient."""
    outcome = Outcome(recipient, "refused", "", "", told.reason_code, told.reply, told.facts)
    return Simulation(Routing((), (), told.trace), (outcome,), told, tenant is None)


def _client(
    tenant: Tenant | None, sender: str, address: str | None, port: int | None, user: str, certificate: str
) -> tuple[Client | None, ClientTest]:
    """Return who hands the message in, and what is to be told of that; nobody where the client is turned away."""
    if address is not None:
        arriving = arrive(tenant=tenant, address=address, port=port, user=user, sender=sender, certificate=certificate)
        told = judge(arriving, tenant, sender)
        if arriving.client is None and not user:
            # Where nobody listens there is no connector to speak of, and the way is asked for all the same.
            return anonymous_client(address=address), told
        return arriving.client, told
    if user:
        mailbox = mailbox_of_log_in(tenant, user)
        if mailbox is None:
            return None, _told(None, "auth.failed")
        client = Client(Origin.SUBMISSION, mailbox.tenant_id, mailbox.pk, "", None, USER_RIGHTS)
    else:
        client = _submitting(tenant, sender)
    return client, _told(client)


def _told(client: Client | None, reason: str = "") -> ClientTest:
    """Return what is to be told of a client whose receive connector is not known."""
    rights = frozenset(client.rights) if client is not None else frozenset[Right]()
    relays = Right.ACCEPT_ANY_RECIPIENT in rights
    return ClientTest(
        verdict="refused" if client is None else "relays" if relays else "delivers",
        listener="",
        permission="",
        origin=client.origin.value if client is not None else "",
        rights=tuple(sorted(right.value for right in rights)),
        limits={},
        tls="",
        reply=reply_for(reason).wire() if reason else "",
        reason_code=reason,
        facts={},
        trace=Trace(),
    )


def _submitting(tenant: Tenant | None, sender: str) -> Client:
    """Return the sender's own mailbox as the client, where the tenant has it; else a stranger."""
    if tenant is None:
        return anonymous_client()
    try:
        local, domain = split_mailbox_address(sender)
    except Problem:
        return anonymous_client()
    with scope(tenant):
        if domain_for_address(tenant.pk, domain) is None:
            return anonymous_client()
        row = EmailAddress.objects.filter(
            Q(accepted_domain__domain=domain) | Q(accepted_domain__match_subdomains=True),
            tenant=tenant,
            domain=domain,
            local_key=local_key(local),
        ).first()
    return Client(Origin.SUBMISSION, tenant.pk, row.mailbox_id if row else None, "", None, USER_RIGHTS)


def _size_limit(client: Client, told: ClientTest, configuration: Configuration) -> int | None:
    """Return the largest message that is taken from the client; None where its receive connector is not known."""
    door = told.limits.get("max_message_size")
    if Right.BYPASS_MESSAGE_SIZE_LIMIT in client.rights:
        return door
    terms = configuration.terms.get(client.tenant_id) if client.tenant_id is not None else None
    limits = [limit for limit in (door, terms.limits.max_message_size if terms else None) if limit is not None]
    return min(limits, default=None)


def _handed_over(one: RoutedRecipient) -> Outcome:
    return Outcome(one.original, "handed_over", "", "", "", "", {})


def _with_way(tenant_id: UUID, one: RoutedRecipient) -> Outcome:
    assert one.next_hop is not None, "what is not refused has a next hop"
    return replace(_outcome(one), way=prepare(tenant_id, one.next_hop))


def _outcome(one: RoutedRecipient) -> Outcome:
    if one.refusal is not None:
        refusal = one.refusal
        return Outcome(one.original, "refused", "", "", refusal.reason_code, refusal.reply.wire(), refusal.facts)
    hop = one.next_hop
    assert hop is not None, "what is not refused has a next hop"
    verdicts = {DeliveryType.MAILBOX: "delivered", DeliveryType.UNREACHABLE: "waits"}
    verdict = verdicts.get(hop.delivery_type, "leaves")
    return Outcome(one.original, verdict, hop.domain, hop.delivery_type.value, one.reason_code or "", "", one.facts)
