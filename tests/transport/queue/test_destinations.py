"""A host gets as many connections as it takes well: more on success, half when hurt, remembered by all workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import RESET, Action, StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, send
from transport.models import Delivery, Destination, Queue, SendConnector
from transport.queue.allowance import allowed_now
from transport.queue.database import connect_flow, flow_conninfo
from transport.queue.destinations import FLOOR, INITIAL, SILENT_FLOOR, HostPlaces, Place
from transport.queue.housekeeping import housekeep
from transport.queue.listing import find_queue
from transport.queue.slots import PER_HOST

pytestmark = WITH_WORKERS
HERE = "192.0.2.1:25"


def with_places(step: Callable[[HostPlaces, HostPlaces], Coroutine[Any, Any, None]]) -> None:
    """Run a step with two workers' places."""

    async def run() -> None:
        async with await connect_flow() as one, await connect_flow() as other:
            await step(HostPlaces(one), HostPlaces(other))

    asyncio.run(run())


async def take_all(places: HostPlaces) -> list[Place]:
    taken = []
    while (place := await places.take(HERE)) is not None:
        taken.append(place)
    return taken


def test_so_many_connections_over_all_workers_and_within_one() -> None:
    async def step(one: HostPlaces, other: HostPlaces) -> None:
        taken = await take_all(one)
        assert [place.number for place in taken] == list(range(1, INITIAL + 1))
        assert await other.take(HERE) is None
        assert other.is_crowded(HERE)
        await one.give_back(taken[3])
        place = await other.take(HERE)
        assert place is not None
        assert place.number == 4
        assert await other.take("192.0.2.2:25") is not None

    with_places(step)


def test_success_in_the_last_place_makes_one_more_and_in_another_writes_nothing() -> None:
    async def step(one: HostPlaces, other: HostPlaces) -> None:
        taken = await take_all(one)
        assert not await one.grow(taken[0], "mx.example")
        assert await one.grow(taken[-1], "mx.example")
        more = await other.take(HERE)
        assert more is not None
        assert (more.number, more.allowed) == (INITIAL + 1, INITIAL + 1)

    with_places(step)
    assert Destination.objects.get().connections == INITIAL + 1


def test_it_never_gets_more_than_the_platform_gives_anybody() -> None:
    factories.make_destination(HERE, PER_HOST)

    async def step(one: HostPlaces, other: HostPlaces) -> None:
        assert not await one.grow((await take_all(one))[-1], "mx.example")

    with_places(step)


def test_trouble_halves_it_once_for_all_that_were_open_and_leaves_one() -> None:
    async def step(one: HostPlaces, other: HostPlaces) -> None:
        taken = await take_all(one)
        assert await one.shrink(taken[0], "mx.example", "peer.rate_limited")
        assert not await one.shrink(taken[1], "mx.example", "peer.rate_limited")
        for place in taken:
            await one.give_back(place)
        for _ in range(5):
            again = await one.take(HERE)
            assert again is not None
            await one.shrink(again, "mx.example", "peer.rate_limited")
            await one.give_back(again)
        assert len(await take_all(other)) == FLOOR

    with_places(step)
    row = Destination.objects.get()
    assert (row.connections, row.host, row.reason) == (FLOOR, "mx.example", "peer.rate_limited")


def test_who_finds_no_place_stays_away_the_longer_the_more_did_before() -> None:
    async def step(one: HostPlaces, other: HostPlaces) -> None:
        await take_all(one)
        for _ in range(PER_HOST):
            await other.take(HERE)
        early = other.pause(HERE)
        for _ in range(100 * PER_HOST):
            other._refused[HERE] += 1
        assert early.total_seconds() < 2 < other.pause(HERE).total_seconds() <= 10

    with_places(step)


@pytest.mark.parametrize(
    ("phase", "answer", "left"),
    [
        ("greeting", "421 4.7.0 Too many connections from you", INITIAL // 2),
        ("greeting", "450 4.3.2 Not now", INITIAL // 2),
        ("ehlo", "421 4.3.2 Busy", INITIAL // 2),
        ("mail", "421 4.3.2 Busy", INITIAL // 2),
        ("final", RESET, INITIAL // 2),
        ("ehlo", "550 5.7.1 I do not know your name", None),
        ("rcpt", "450 4.2.1 Mailbox busy", None),
        ("rcpt", "450 4.2.0 Greylisted", None),
    ],
)
def test_a_host_is_hurt_by_what_it_says_and_by_dropping_us(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, phase: str, answer: Action, left: int | None
) -> None:
    peer.script[phase] = answer
    send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert Destination.objects.values_list("connections", flat=True).first() == left
    assert allowed_now(f"127.0.0.1:{peer.endpoint.port}") == (left or INITIAL)


def test_a_host_that_says_nothing_keeps_some_so_that_all_that_waits_hears_of_it(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    to_peer.smart_hosts.update(port=1)
    factories.make_destination("127.0.0.1:1", SILENT_FLOOR + 1)
    send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert Destination.objects.get().connections == SILENT_FLOOR


def test_a_host_that_is_well_again_gets_more_and_never_more_at_a_time_than_it_may_have(
    contoso: Contoso, peer: StubSmtp
) -> None:
    """Eight queues of one tenant that all lead to the same host, which may have one connection."""
    endpoint = f"127.0.0.1:{peer.endpoint.port}"
    factories.make_destination(endpoint, 1)
    for number in range(8):
        name = f"d{number}.example"
        factories.make_send_connector(contoso.tenant, name, smart_hosts=[("127.0.0.1", peer.endpoint.port)], name=name)
        send(contoso.alice_mailbox, f"x@{name}")
    open_now, crowds = [0], []

    def begin(line: str) -> str:
        open_now[0] += 1
        with psycopg.connect(flow_conninfo()) as flow:
            allowed = flow.execute("SELECT connections FROM transport_destination").fetchone()
        crowds.append((open_now[0], allowed[0] if allowed else 0))
        return "250 2.1.0 Ok"

    def end(line: str) -> str:
        open_now[0] -= 1
        return "250 2.0.0 Queued"

    peer.script |= {"mail": begin, "final": end}
    while Delivery.objects.exists():
        Queue.objects.update(connecting_until=None)  # the pause of those that found no place is over
        taken = len(peer.messages)
        deliver(20)
        assert len(peer.messages) > taken
    assert len(peer.messages) == 8
    assert all(crowd <= allowed for crowd, allowed in crowds)
    assert 1 < Destination.objects.get().connections <= PER_HOST


def test_what_is_learnt_is_on_the_queues_pages_and_forgotten_in_time(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, as_alice: Client, as_operator: Client
) -> None:
    peer.script["final"] = "421 4.7.0 Too many messages"
    send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    queue = Queue.objects.get()
    listed = find_queue(contoso.tenant.pk, queue.pk)
    assert listed is not None
    assert listed.connections is not None
    assert (listed.connections.allowed, listed.connections.most) == (INITIAL // 2, PER_HOST)
    told = f"at most {INITIAL // 2} of {PER_HOST} at a time to 127.0.0.1"
    assert told in as_alice.get(reverse("console:queue", args=[queue.pk])).content.decode()
    page = as_operator.get(f"{reverse('admin:platform-queue-messages')}?queue={queue.pk}").content.decode()
    assert told in page
    page = as_operator.get(reverse("admin:transport_destination_changelist")).content.decode()
    assert f"127.0.0.1:{peer.endpoint.port}" in page
    Destination.objects.update(changed_at="2020-01-01T00:00Z")
    housekeep()
    assert not Destination.objects.exists()
