"""Choosing a send connector: Exchange's order, and a trace that says of every loser why."""

from __future__ import annotations

import random

import pytest

from tests.transport.routing.scene import connector, tenant
from transport.routing.connectors import explain_selection, next_hop, select_connector
from transport.routing.result import DeliveryType
from transport.routing.snapshot import ConnectorEntry, TenantSnapshot
from transport.routing.spaces import matches, specificity

ALL = connector("Internet", "*")
SUB = connector("Sub", "*.contoso.com")
EXACT = connector("Exact", "contoso.com")


def chosen(*connectors: ConnectorEntry, domain: str = "contoso.com", size: int = 1000) -> str | None:
    selection = select_connector(tenant("t", [], connectors), domain, size)
    return selection.connector.name if selection.connector else selection.reason_code


@pytest.mark.parametrize(
    ("connectors", "domain", "expected"),
    [
        ((), "contoso.com", "route.no_connector"),
        ((EXACT,), "other.example", "route.no_connector"),
        ((ALL,), "contoso.com", "Internet"),
        ((ALL, SUB), "contoso.com", "Sub"),
        ((ALL, SUB, EXACT), "contoso.com", "Exact"),
        ((ALL, SUB, EXACT), "mail.contoso.com", "Sub"),
        ((ALL, SUB, EXACT), "contoso.net", "Internet"),
        ((connector("Dear", ("*.contoso.com", 100)), connector("Cheap", ("*", 1))), "contoso.com", "Dear"),
        ((connector("A", ("*", 5)), connector("B", ("*", 1))), "contoso.com", "B"),
        ((connector("b", "*"), connector("A", "*")), "contoso.com", "A"),
        ((connector("2", "*"), connector("10", "*")), "contoso.com", "10"),
        ((connector("Off", "contoso.com", enabled=False), ALL), "contoso.com", "Internet"),
        ((connector("Off", "*", enabled=False),), "contoso.com", "route.connector_disabled"),
        ((connector("Small", "contoso.com", limit=999), ALL), "contoso.com", "Internet"),
        ((connector("Just", "contoso.com", limit=1000), ALL), "contoso.com", "Just"),
        ((connector("Small", "*", limit=999),), "contoso.com", "route.too_large"),
        ((connector("Small", "*", limit=9), connector("Off", "*", enabled=False)), "contoso.com", "route.too_large"),
        ((connector("Small", "other.example", limit=9),), "contoso.com", "route.no_connector"),
        (
            (connector("Two", ("*", 9), ("contoso.com", 50)), connector("One", ("contoso.com", 60))),
            "contoso.com",
            "Two",
        ),
        ((ALL,), "[192.0.2.1]", "Internet"),
    ],
)
def test_the_connector_is_chosen_in_exchanges_order(
    connectors: tuple[ConnectorEntry, ...], domain: str, expected: str
) -> None:
    assert chosen(*connectors, domain=domain) == expected
    assert chosen(*reversed(connectors), domain=domain) == expected


def test_the_obstacle_is_the_largest_of_those_too_small() -> None:
    small, larger = connector("Small", "contoso.com", limit=10), connector("Larger", "*", limit=500)

    assert select_connector(tenant("t", [], [small, larger]), "contoso.com", 1000).obstacle is larger


@pytest.mark.parametrize(
    ("loser", "why"),
    [
        (connector("L", "*.contoso.com", enabled=False), "disabled"),
        (connector("L", "*.contoso.com", limit=5), "too small: limit 5 < size 1000"),
        (connector("L", "*.contoso.com", limit=5, enabled=False), "too small: limit 5 < size 1000; and disabled"),
        (connector("L", "contoso.net"), "no matching address space for mail.contoso.com"),
        (connector("L", "*"), "less specific: * than *.contoso.com"),
        (connector("L", ("*.contoso.com", 7)), "cost 7 > 5"),
        (connector("ZZ", ("*.contoso.com", 5)), "name order: equal in all else, and “Winner” comes first"),
    ],
)
def test_each_loser_is_told_by_what_it_lost(loser: ConnectorEntry, why: str) -> None:
    winner = connector("Winner", ("*.contoso.com", 5))

    told = explain_selection(tenant("t", [], [loser, winner]), "mail.contoso.com", 1000)

    assert [(one.name, one.verdict) for one in told] == [("Winner", "won"), (loser.name, "lost")]
    assert told[0].why() == "its address space *.contoso.com covers the domain, cost 5"
    assert told[1].why() == why


def test_without_a_winner_each_connector_is_still_told_why() -> None:
    told = explain_selection(tenant("t", [], [connector("Off", "*", enabled=False), EXACT]), "x.example", 1)

    assert [one.why() for one in told] == ["no matching address space for x.example", "disabled"]


def naive_choice(there: TenantSnapshot, domain: str, size: int) -> str | None:
    """Write the order down once more as one sort, to hold the index against."""
    fits = [
        (-specificity(space.pattern), space.cost, one.name_order, one.name)
        for one in there.connectors
        for space in one.address_spaces
        if one.enabled and one.takes(size) and matches(space.pattern, domain)
    ]
    return min(fits)[3] if fits else None


@pytest.mark.parametrize("seed", range(40))
def test_index_explanation_and_a_plain_sort_agree(seed: int) -> None:
    dice = random.Random(seed)
    patterns = ["*", "*.com", "contoso.com", "*.contoso.com", "a.contoso.com", "*.a.contoso.com", "x.net"]
    connectors = [
        connector(
            f"{dice.choice('abAB')}{number}",
            *[(pattern, dice.randint(1, 3)) for pattern in dice.sample(patterns, dice.randint(1, 3))],
            enabled=dice.random() < 0.8,
            limit=dice.choice([None, 10, 1000]),
        )
        for number in range(dice.randint(0, 8))
    ]
    there = tenant("t", [], connectors)
    for domain in ("contoso.com", "a.contoso.com", "b.a.contoso.com", "x.net", "y.org"):
        selection, told = select_connector(there, domain, 500), explain_selection(there, domain, 500)
        won = [one.name for one in told if one.verdict == "won"]
        assert (selection.connector.name if selection.connector else None) == naive_choice(there, domain, 500)
        assert won == ([selection.connector.name] if selection.connector else [])
        assert sorted(one.name for one in told) == sorted(one.name for one in connectors)


def test_a_dns_connectors_queue_is_named_by_the_domain() -> None:
    hop = next_hop(ALL, "contoso.com")

    assert (hop.delivery_type, hop.domain, hop.connector_id) == (DeliveryType.DNS_CONNECTOR, "contoso.com", ALL.id)


@pytest.mark.parametrize(
    ("hosts", "name"),
    [
        ((("10.1.1.1", 25), ("relay.x", 25)), "[10.1.1.1],relay.x"),
        ((("relay.x", 587),), "relay.x:587"),
        ((("[10.1.1.1]", 2525),), "[10.1.1.1]:2525"),
        ((("2001:db8::1", 25),), "[2001:db8::1]"),
    ],
)
def test_a_smart_host_connectors_queue_is_named_by_its_hosts(hosts: tuple[tuple[str, int], ...], name: str) -> None:
    hop = next_hop(connector("C", "*", hosts=hosts), "contoso.com")

    assert (hop.delivery_type, hop.domain) == (DeliveryType.SMART_HOST_CONNECTOR, name)
