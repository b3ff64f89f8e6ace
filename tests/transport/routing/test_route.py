"""Where recipients go: accepted domains of each type, the outside, and what waits or is refused."""

from __future__ import annotations

import pytest

from tests.transport.routing.scene import (
    ANN,
    OLD,
    connector,
    domain,
    envelope,
    from_ann,
    ident,
    machine,
    only,
    rerouted,
    tenant,
    user,
    verdict,
    world,
)
from transport.routing.envelope import Envelope, Right, notice_client
from transport.routing.result import MAILBOX_HOP, UNREACHABLE_HOP, DeliveryType

OWN_RELAY = "[10.1.1.1],hub.contoso.net:587"


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("ann@contoso.com", "Mailboxes"),
        ("ANN@Contoso.COM", "Mailboxes"),
        ('"ann"@contoso.com', "Mailboxes"),
        ("sales@contoso.com", "Mailboxes"),
        ("nobody@contoso.com", "recipient.unknown"),
        ("off@contoso.com", "recipient.disabled"),
        ("full@contoso.com", "mailbox.full"),
        ("postmaster@contoso.com", "Mailboxes"),
        ("old@exchange.local", "Mailboxes"),
        ("nobody@exchange.local", "recipient.unknown"),
        ("x@deep.sub.contoso.com", "Mailboxes"),
        ("y@deep.sub.contoso.com", "recipient.unknown"),
        ("y@other.contoso.com", "other.contoso.com"),
        ("known@relay.contoso.net", "Mailboxes"),
        ("unknown@relay.contoso.net", OWN_RELAY),
        ("anybody@away.contoso.net", OWN_RELAY),
        ("bob@fabrikam.com", "Mailboxes"),
        ("carol@gmail.example", "gmail.example"),
        ("carol@Bücher.example", "xn--bcher-kva.example"),
        ("carol@[192.0.2.1]", "[192.0.2.1]"),
        ("", "recipient.bad_address"),
        ("no-at-sign", "recipient.bad_address"),
        ("two@@contoso.com", "recipient.bad_address"),
        ("@hop.example:ann@contoso.com", "recipient.bad_address"),
        ("ann@contoso.com\r\nX", "recipient.bad_address"),
    ],
)
def test_a_user_reaches(recipient: str, expected: str) -> None:
    assert verdict(world().route(from_ann(recipient))) == expected


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("ann@contoso.com", "Mailboxes"),
        ("nobody@contoso.com", "recipient.unknown"),
        ("off@contoso.com", "recipient.disabled"),
        ("full@contoso.com", "mailbox.full"),
        ("postmaster@contoso.com", "Mailboxes"),
        ("old@exchange.local", "relay.denied"),
        ("x@deep.sub.contoso.com", "Mailboxes"),
        ("y@other.contoso.com", "relay.denied"),
        ("known@relay.contoso.net", "Mailboxes"),
        ("unknown@relay.contoso.net", OWN_RELAY),
        ("anybody@away.contoso.net", OWN_RELAY),
        ("bob@fabrikam.com", "Mailboxes"),
        ("unknown@relay.fabrikam.net", "route.no_connector"),
        ("carol@gmail.example", "relay.denied"),
    ],
)
def test_a_stranger_reaches(recipient: str, expected: str) -> None:
    assert verdict(world().route(envelope("x@gmail.example", recipient))) == expected
    assert verdict(world().route(envelope("", recipient))) == expected


@pytest.mark.parametrize(
    ("recipient", "reply"),
    [
        ("nobody@contoso.com", "550 5.1.1 User unknown"),
        ("off@contoso.com", "550 5.2.1 Mailbox disabled, not accepting messages"),
        ("full@contoso.com", "452 4.2.2 Mailbox full"),
        ("carol@gmail.example", "550 5.7.1 Unable to relay"),
    ],
)
def test_a_refusal_has_exchanges_reply(recipient: str, reply: str) -> None:
    refusal = only(world().route(envelope("x@gmail.example", recipient))).refusal

    assert refusal is not None
    assert str(refusal.reply) == reply


def test_a_proxy_address_is_rewritten_to_the_primary_and_the_original_kept() -> None:
    one = only(world().route(envelope("x@gmail.example", "SALES@contoso.com")))

    assert (one.original, one.address, one.mailbox_id) == ("SALES@contoso.com", "ann@contoso.com", ANN)
    assert one.next_hop == MAILBOX_HOP


def test_two_addresses_of_one_mailbox_get_one_copy() -> None:
    routing = world().route(envelope("x@gmail.example", "sales@contoso.com", "ann@contoso.com", "ann@contoso.com"))

    assert [one.original for one in routing.messages[0].recipients] == ["sales@contoso.com"]
    assert [one.original for one in routing.merged] == ["ann@contoso.com", "ann@contoso.com"]


def test_without_a_connector_the_outside_is_unreachable_until_there_is_one() -> None:
    there = world().add(tenant("contoso", [domain("contoso.com")]))
    one = only(there.route(from_ann("carol@gmail.example")))
    assert (one.next_hop, one.reason_code) == (UNREACHABLE_HOP, "route.no_connector")
    assert one.facts["domain"] == "gmail.example"

    there.add(tenant("contoso", [domain("contoso.com")], [connector("Internet", "*")]))
    one = only(there.route(rerouted(from_ann("carol@gmail.example"))))
    assert one.next_hop is not None
    assert one.next_hop.delivery_type is DeliveryType.DNS_CONNECTOR


@pytest.mark.parametrize(
    ("connectors", "expected"),
    [
        ([connector("Off", "*", enabled=False)], "route.connector_disabled"),
        ([connector("Small", "*", limit=999)], "route.too_large"),
        ([connector("Loop", "*", hosts=(("MX.postroom.example", 25),))], "route.loop"),
        ([connector("Loop", "*", hosts=(("127.0.0.1", 2525),))], "route.loop"),
        ([connector("Half", "*", hosts=(("mx.postroom.example", 25), ("relay.x", 25)))], "mx.postroom.example,relay.x"),
        ([connector("Empty", "*", hosts=())], "route.no_smart_host"),
    ],
)
def test_what_stands_in_the_way_of_a_route_is_named(connectors: list[object], expected: str) -> None:
    there = world().add(tenant("contoso", [domain("contoso.com")], connectors))  # type: ignore[arg-type]
    there.own_endpoints = frozenset({("127.0.0.1", 2525)})

    assert verdict(there.route(from_ann("carol@gmail.example"))) == expected


def test_a_message_too_large_for_every_route_is_refused_and_not_queued() -> None:
    there = world().add(tenant("contoso", [domain("contoso.com")], [connector("Small", "*", limit=999)]))
    refusal = only(there.route(from_ann("carol@gmail.example"))).refusal

    assert refusal is not None
    assert (refusal.reply.code, refusal.reply.enhanced) == (550, "5.3.4")
    assert (refusal.facts["limit"], refusal.facts["size"]) == (999, 1000)


@pytest.mark.parametrize("sender", ["old@exchange.local", "gone@nodns.example"])
def test_a_sender_that_the_world_cannot_answer_reaches_only_the_inside(sender: str) -> None:
    there = world()
    entries = [
        domain("contoso.com"),
        domain("exchange.local", verified=False),
        domain("nodns.example", resolvable=False),
    ]
    there.add(tenant("contoso", entries, [connector("Internet", "*")]))
    client = user(there.mailbox("contoso", sender, "old@exchange.local"))

    inside = there.route(envelope(sender, "ann@contoso.com", client=client))
    outside = there.route(envelope(sender, "carol@gmail.example", client=client))
    neighbour = there.route(envelope(sender, "bob@fabrikam.com", client=client))

    assert (verdict(inside), verdict(outside)) == ("Mailboxes", "sender.domain_not_public")
    assert verdict(neighbour) == "sender.domain_not_public"
    refusal = only(outside).refusal
    assert refusal is not None
    assert refusal.reply.code == 550
    assert sender in refusal.reply.text
    assert "reply address" in refusal.reply.text


def test_a_hidden_sender_may_still_write_to_an_own_relay_domain() -> None:
    client = user(OLD)

    assert verdict(world().route(envelope("old@exchange.local", "x@relay.contoso.net", client=client))) == OWN_RELAY


def test_a_machine_with_any_sender_right_lets_the_peer_judge_its_sender() -> None:
    client = machine("contoso", Right.ACCEPT_ANY_SENDER)

    assert verdict(world().route(envelope("old@exchange.local", "c@gmail.example", client=client))) == "gmail.example"


def test_mail_accepted_before_is_not_judged_by_its_sender_again() -> None:
    there = world()
    one = envelope("removed@contoso.com", "carol@gmail.example", client=user())

    assert verdict(there.route(one)) == "sender.not_yours"
    assert verdict(there.route(rerouted(one))) == "gmail.example"


def test_a_notice_leaves_by_the_tenants_connector_with_a_null_sender() -> None:
    one = Envelope("", ("carol@gmail.example",), 1000, notice_client(ident("contoso")))

    assert verdict(world().route(one)) == "gmail.example"


@pytest.mark.parametrize("recipient", ["postmaster", "Postmaster", "<postmaster>"])
def test_postmaster_without_a_domain_is_this_servers(recipient: str) -> None:
    there = world().add(tenant("operator", [domain("mx.postroom.example")]))
    there.mailbox("operator", "root@mx.postroom.example", "postmaster@mx.postroom.example")

    assert verdict(there.route(envelope("x@gmail.example", recipient))) == "Mailboxes"


def test_a_relay_domain_routed_by_mx_carries_a_warning_in_the_trace() -> None:
    entries = [domain("contoso.com", type=world().tenants[ident("contoso")].domains[3].type)]
    there = world().add(tenant("contoso", entries, [connector("Internet", "*")]))

    routing = there.route(envelope("x@gmail.example", "unknown@contoso.com"))

    assert verdict(routing) == "contoso.com"
    assert any("may lead back here" in line for line in routing.trace.lines())
