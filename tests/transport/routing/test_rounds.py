"""What routing needs and costs: few rounds, no I/O, the same answer each time, whatever the number of mailboxes."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from tests.transport.routing.scene import (
    STRANGER,
    World,
    connector,
    domain,
    envelope,
    from_ann,
    ident,
    machine,
    tenant,
    user,
    world,
)
from transport.routing.envelope import Client, Envelope, Origin, Right
from transport.routing.result import Routing
from transport.routing.route import route
from transport.routing.snapshot import DomainType, Need

EVERYBODY = [
    "ann@contoso.com",
    "bob@fabrikam.com",
    "carol@gmail.example",
    "x@deep.sub.contoso.com",
    "who@relay.contoso.net",
]
OWN_LOOK_UPS = [("x@deep.sub", "com"), ("who@relay", "net")]


def test_from_nothing_three_needs_suffice() -> None:
    there = world()

    there.route(from_ann(*EVERYBODY))

    first, second, third = there.needs
    assert first.tenants == {ident("contoso")}
    assert (ident("contoso"), "ann@contoso.com") in first.addresses
    assert {"contoso.com", "fabrikam.com", "gmail.example", "deep.sub.contoso.com"} <= first.domains
    assert second.tenants == {ident("fabrikam")}
    assert second.addresses == {(ident("contoso"), f"{name}.contoso.{top}") for name, top in OWN_LOOK_UPS}
    assert third == Need(addresses=frozenset({(ident("fabrikam"), "bob@fabrikam.com")}))


def test_with_a_warm_configuration_one_need_asks_for_all_addresses() -> None:
    there = world()
    warm = replace(there.warm(from_ann(*EVERYBODY)), addresses={})

    there.route(from_ann(*EVERYBODY), warm)

    (need,) = there.needs
    assert not need.tenants
    assert not need.domains
    assert len(need.addresses) == 4


def test_a_warm_snapshot_needs_nothing() -> None:
    there = world()

    assert isinstance(route(from_ann(*EVERYBODY), there.warm(from_ann(*EVERYBODY))), Routing)


def random_world(dice: random.Random) -> World:
    names = ["a.example", "b.a.example", "c.b.a.example", "d.example", "e.local", "x.d.example"]
    there = World()
    for slug in ("one", "two", "three"):
        entries = [
            domain(name, dice.choice([*DomainType]), subdomains=dice.random() < 0.5, verified=dice.random() < 0.6)
            for name in dice.sample(names, dice.randint(0, 4))
        ]
        free = [one for one in entries if not one.verified or there.owner_of(one.name) is None]
        connectors = [connector("C", dice.choice(["*", "*.example"]), limit=dice.choice([None, 500]))]
        there.add(tenant(slug, free, connectors if dice.random() < 0.7 else [], active=dice.random() < 0.9))
        there.mailbox(slug, f"m@{dice.choice(names)}", f"n@{dice.choice(names)}")
    return there


def random_envelope(dice: random.Random) -> Envelope:
    names = [
        "a.example",
        "b.a.example",
        "z.c.b.a.example",
        "d.example",
        "e.local",
        "x.d.example",
        "far.test",
        "[192.0.2.1]",
    ]

    def address() -> str:
        return f"{dice.choice('mno')}@{dice.choice(names)}"

    slug = dice.choice(["one", "two", "three", "gone"])
    clients = [STRANGER, machine(slug), machine(slug, Right.ACCEPT_ANY_SENDER)]
    clients.append(Client(Origin.API, ident(slug), None, "", None, frozenset(Right) - {Right.ACCEPT_ANY_SENDER}))
    clients.append(replace(user(ident(f"mailbox {slug} m@a.example"), slug), origin=Origin.CONSOLE))
    sender = dice.choice(["", address(), address(), "broken"])
    authors = tuple(address() for _ in range(dice.randint(0, 3)))
    recipients = tuple(address() for _ in range(dice.randint(0, 6)))
    return Envelope(sender, recipients, dice.choice([1, 1000]), dice.choice(clients), authors, dice.random() < 0.1)


@pytest.mark.parametrize("seed", range(300))
def test_any_envelope_is_decided_within_the_rounds_and_each_recipient_accounted_for(seed: int) -> None:
    dice = random.Random(seed)
    there, one = random_world(dice), random_envelope(dice)

    routing = there.route(one)

    assert len(there.needs) <= 3
    fates = [*routing.refused, *routing.merged, *(r for message in routing.messages for r in message.recipients)]
    assert sorted(r.original for r in fates) == sorted(one.recipients)
    assert len({message.tenant_id for message in routing.messages}) == len(routing.messages)
    assert all(r.refusal is not None for r in routing.refused)
    assert all(r.next_hop is not None for message in routing.messages for r in message.recipients)
    routing.trace.to_json()


@pytest.mark.parametrize("seed", range(30))
def test_the_same_input_gives_the_same_decision(seed: int) -> None:
    dice = random.Random(seed)
    there, one = random_world(dice), random_envelope(dice)
    warm = there.warm(one)

    assert route(one, warm) == route(one, warm) == there.route(one)


class Counting(dict[Any, Any]):
    """A mapping that forbids being walked: routing may only look keys up."""

    def __init__(self, known: Mapping[Any, Any]) -> None:
        super().__init__(known)
        self.asked = 0

    @override
    def __contains__(self, key: object) -> bool:
        self.asked += 1
        return super().__contains__(key)

    @override
    def __iter__(self) -> Any:
        raise AssertionError("routing walked through all it was given")


@pytest.mark.parametrize("mailboxes", [1, 2000])
def test_the_cost_does_not_depend_on_the_number_of_mailboxes(mailboxes: int) -> None:
    there = world()
    for number in range(mailboxes):
        there.mailbox("contoso", f"user{number}@contoso.com")
    warm = there.warm(from_ann(*EVERYBODY))
    addresses = Counting({**warm.addresses, **there.addresses})
    snapshot = replace(warm, addresses=addresses, tenants=Counting(warm.tenants), owners=Counting(warm.owners))

    assert isinstance(route(from_ann(*EVERYBODY), snapshot), Routing)
    assert addresses.asked == 5


def test_routing_reaches_for_no_file_socket_clock_or_process() -> None:
    """An audit hook in a fresh interpreter sees every attempt at input or output while a decision is made."""
    program = """
import sys
from tests.transport.routing.scene import from_ann, world
from transport.routing.route import route
there, one = world(), from_ann("ann@contoso.com", "bob@fabrikam.com", "c@gmail.example", "no@contoso.com")
there.route(one)
warm = there.warm(one)
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event))
routing = route(one, warm)
routing.trace.to_json()
found = [event for event in seen if not event.startswith("object.")]
assert not found, found
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_an_envelope_to_a_domain_of_many_labels_asks_for_a_bounded_number_of_names() -> None:
    there = world()

    there.route(envelope("x@y.example", "a@" + "a." * 120 + "example"))

    assert sum(len(need.domains) for need in there.needs) < 130
