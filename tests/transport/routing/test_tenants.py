"""Between tenants: mail stays inside, each gets its own part, nobody takes or learns of another's."""

from __future__ import annotations

import pytest

from tests.transport.routing.scene import (
    BOB,
    World,
    connector,
    domain,
    envelope,
    from_ann,
    ident,
    tenant,
    user,
    verdict,
    world,
)
from transport.routing.snapshot import DomainEntry


def test_mail_to_a_neighbour_is_handed_over_as_incoming_and_never_leaves() -> None:
    routing = world().route(from_ann("bob@fabrikam.com"))

    (message,) = routing.messages
    assert (message.tenant_id, message.incoming) == (ident("fabrikam"), True)
    assert message.recipients[0].mailbox_id == BOB


def test_each_tenant_gets_its_own_message_the_senders_first() -> None:
    routing = world().route(from_ann("bob@fabrikam.com", "carol@gmail.example", "ann@contoso.com"))

    parts = [(one.tenant_id, one.incoming, [r.original for r in one.recipients]) for one in routing.messages]
    assert parts == [
        (ident("contoso"), False, ["carol@gmail.example", "ann@contoso.com"]),
        (ident("fabrikam"), True, ["bob@fabrikam.com"]),
    ]


def test_a_strangers_message_is_incoming_for_all() -> None:
    routing = world().route(envelope("x@y.example", "bob@fabrikam.com", "ann@contoso.com"))

    assert [(one.tenant_id, one.incoming) for one in routing.messages] == [
        (ident("fabrikam"), True),
        (ident("contoso"), True),
    ]


def test_a_connector_that_claims_a_neighbours_domain_draws_no_mail() -> None:
    there = world()
    evil = connector("Evil", "fabrikam.com", hosts=(("evil.example", 25),))
    there.add(tenant("contoso", [domain("contoso.com")], [evil]))

    assert verdict(there.route(from_ann("bob@fabrikam.com"))) == "Mailboxes"
    assert verdict(there.route(envelope("x@y.example", "bob@fabrikam.com"))) == "Mailboxes"


@pytest.mark.parametrize(
    ("claims", "recipient", "owner"),
    [
        ([domain("fabrikam.com", verified=False)], "bob@fabrikam.com", "fabrikam"),
        ([domain("com", subdomains=True)], "bob@fabrikam.com", "fabrikam"),
        ([domain("example", subdomains=True)], "sub@sub.held.example", "holder"),
        ([domain("held.example", subdomains=True)], "sub@sub.held.example", "holder"),
        ([domain("held.example", subdomains=True, verified=False)], "sub@sub.held.example", "holder"),
    ],
)
def test_a_claim_never_diverts_a_neighbours_mail(claims: list[DomainEntry], recipient: str, owner: str) -> None:
    there = world().add(
        tenant("greedy", [domain("greedy.example"), *claims], [connector("All", "*")]),
        tenant("holder", [domain("sub.held.example")]),
    )
    there.mailbox("holder", "sub@sub.held.example")
    greedy = user(there.mailbox("greedy", "me@greedy.example"), "greedy")

    from_outside = there.route(envelope("x@y.example", recipient))
    from_greedy = there.route(envelope("me@greedy.example", recipient, client=greedy))

    assert [one.tenant_id for one in from_outside.messages] == [ident(owner)]
    assert [one.tenant_id for one in from_greedy.messages] == [ident(owner)]


def test_two_tenants_may_both_have_exchange_local() -> None:
    there = world().add(tenant("fabrikam", [domain("fabrikam.com"), domain("exchange.local", verified=False)]))
    there.mailbox("fabrikam", "bob@fabrikam.com", "old@exchange.local")

    routing = there.route(envelope("bob@fabrikam.com", "old@exchange.local", client=user(BOB, "fabrikam")))

    assert [(one.tenant_id, one.incoming) for one in routing.messages] == [(ident("fabrikam"), False)]


def test_a_subdomain_belongs_to_the_parent_that_matches_subdomains() -> None:
    there = world().add(tenant("wide", [domain("wide.example", subdomains=True)]))
    there.mailbox("wide", "x@a.b.wide.example")

    assert verdict(there.route(envelope("x@y.example", "x@a.b.wide.example"))) == "Mailboxes"
    assert verdict(there.route(envelope("x@y.example", "x@a.b.fabrikam.com"))) == "relay.denied"


def traced(there: World, *recipients: str) -> dict[str, str]:
    routing = there.route(from_ann(*recipients))
    return {slug: str(routing.trace.for_tenant(ident(slug)).to_json()) for slug in ("contoso", "fabrikam")}


def test_each_tenant_sees_only_its_own_part_of_the_trace() -> None:
    there = world()
    there.mailbox("fabrikam", "full@fabrikam.com", over_quota=True)
    told = traced(there, "carol@gmail.example", "info@fabrikam.com", "full@fabrikam.com", "off@contoso.com")

    for secret in ("carol@gmail.example", "Internet", "192.0.2.1", "off@contoso.com", "full@fabrikam.com", "contoso"):
        assert secret not in told["fabrikam"]
    for secret in ("bob@fabrikam.com", "Bob@Fabrikam.Com", "Full@Fabrikam.Com", str(BOB)):
        assert secret not in told["contoso"]
    assert "Mailbox full" in told["contoso"]
    assert "bob@fabrikam.com" in told["fabrikam"]


def test_the_refusal_of_a_neighbours_mailbox_names_no_mailbox() -> None:
    there = world()
    there.mailbox("fabrikam", "full@fabrikam.com", over_quota=True)
    (refused,) = there.route(from_ann("full@fabrikam.com")).refused

    assert refused.refusal is not None
    assert set(refused.refusal.facts) == {"recipient"}


def test_a_relay_domain_of_a_neighbour_goes_by_the_neighbours_connector() -> None:
    there = world()
    relay = connector("Theirs", "relay.fabrikam.net", hosts=(("hub.fabrikam.net", 25),))
    there.add(tenant("fabrikam", there.tenants[ident("fabrikam")].domains, [relay]))

    routing = there.route(from_ann("who@relay.fabrikam.net"))

    assert verdict(routing) == "hub.fabrikam.net"
    assert [one.tenant_id for one in routing.messages] == [ident("fabrikam")]
    assert "hub.fabrikam.net" not in str(routing.trace.for_tenant(ident("contoso")))
