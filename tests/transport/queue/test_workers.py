"""Promises about workers: none lost, none doubled, nobody starves (reliability PF2, PF4, CE1-CE3, SQ2)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from tenants.models import Mailbox
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import SILENCE, Silence, StubSmtp
from tests.transport.workers import WITH_WORKERS, Running, deliver, events_of, send, with_flow
from transport.delivery.outcome import Outcome
from transport.message.reply import Reply
from transport.models import Delivery, Queue, SendConnector, TrackingEvent
from transport.queue import drain as drain_module
from transport.queue import recorder
from transport.queue.claim import Claim, claim
from transport.queue.database import connect_flow
from transport.queue.destinations import LONGEST_PAUSE
from transport.queue.drain import drain
from transport.queue.due import pick_queues
from transport.queue.outcomes import Report, Result, Verdict
from transport.queue.record import record
from transport.queue.slots import take_drain_slot
from transport.queue.sweep import sweep_once

pytestmark = WITH_WORKERS
ROOT = Path(__file__).resolve().parents[3]
TAKEN = Verdict(Outcome.DELIVERED, Reply(250, "2.0.0", "Ok"), "")


def claimed(message_id: UUID) -> Claim:
    return with_flow(claim, Delivery.objects.get(message_id=message_id).queue_id, 10)


def delivered(batch: Claim) -> list[Report]:
    at = timezone.now()
    return [
        Report(message, batch.lease_id, tuple(Result(one, TAKEN) for one in message.deliveries), at)
        for message in batch.messages
    ]


def test_recording_twice_tells_once(contoso: Contoso, to_peer: SendConnector) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    reports = delivered(claimed(message_id))
    for _ in range(2):
        with_flow(record, reports)
    assert events_of(message_id) == [("RECEIVE", "STOREDRIVER"), ("SEND", "SMTP")]


def test_who_lost_the_lease_changes_nothing(contoso: Contoso, to_peer: SendConnector) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    reports = delivered(claimed(message_id))
    Delivery.objects.update(lease_id=UUID(int=1))
    with_flow(record, reports)
    assert Delivery.objects.get().state == "active"
    assert events_of(message_id) == [("RECEIVE", "STOREDRIVER")]


def test_two_workers_never_claim_the_same(contoso: Contoso, to_peer: SendConnector) -> None:
    ids = {send(contoso.alice_mailbox, "x@elsewhere.example") for _ in range(6)}
    queue_id = Delivery.objects.values_list("queue_id", flat=True)[0]

    async def both() -> list[Claim]:
        async with await connect_flow() as one, await connect_flow() as other:
            return list(await asyncio.gather(claim(one, queue_id, 3), claim(other, queue_id, 3)))

    found = [message.id for batch in asyncio.run(both()) for message in batch.messages]
    assert len(found) == len(set(found)) == 6
    assert set(found) == ids


def test_queues_are_picked_tenants_first_then_by_age(contoso: Contoso, to_peer: SendConnector) -> None:
    fabrikam = factories.make_tenant("fabrikam")
    carl = factories.make_mailbox(factories.make_domain(fabrikam, "fabrikam.example"), "carl")
    for recipient in ("bob@contoso.example", "x@elsewhere.example"):
        send(contoso.alice_mailbox, recipient)
    send(carl, "carl@fabrikam.example")
    picked = with_flow(pick_queues, limit=2, share=10)
    assert [queue.tenant_id for queue in picked] == [contoso.tenant.pk, fabrikam.pk]
    # Picked ones are nobody else's for a while; and who has much running comes last.
    (third,) = with_flow(pick_queues, limit=5, share=10)
    assert third.tenant_id == contoso.tenant.pk
    Queue.objects.update(connecting_until=None)
    busy = with_flow(pick_queues, limit=5, share=10, running={contoso.tenant.pk: 9})
    assert [queue.tenant_id for queue in busy] == [fabrikam.pk, contoso.tenant.pk]


@pytest.mark.slow
def test_a_dead_domain_does_not_delay_a_live_one(
    contoso: Contoso, peer: StubSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PF4, with many dead hosts of the very same tenant besides."""
    silent = StubSmtp(script={"greeting": SILENCE})
    with Running(silent):
        for number in range(drain_module.PLACES + 5):
            pattern, host = f"dead{number}.example", ("127.0.0.1", silent.endpoint.port)
            factories.make_send_connector(contoso.tenant, pattern, smart_hosts=[host], name=f"dead {number}")
            send(contoso.alice_mailbox, *(f"x{at}@{pattern}" for at in range(5)))
        factories.make_send_connector(contoso.tenant, "live.example", smart_hosts=[("127.0.0.1", peer.endpoint.port)])
        time_taken: list[float] = []

        async def scenario() -> None:
            running_drain = asyncio.create_task(drain(60, stop=lambda: bool(time_taken)))
            while silent.connections < drain_module.PLACES_PER_TENANT:
                await asyncio.sleep(0.01)
            begun = time.monotonic()
            await asyncio.to_thread(send_and_close, contoso.alice_mailbox, "x@live.example")
            while not peer.messages:
                await asyncio.sleep(0.01)
            time_taken.append(time.monotonic() - begun)
            await running_drain

        asyncio.run(scenario())
    assert time_taken[0] < 5
    # Who only waited for a connection gave everything back.
    assert not Delivery.objects.filter(state="active").exists()
    no_more_than_a_pause = timezone.now() + timedelta(seconds=LONGEST_PAUSE)
    assert not Queue.objects.filter(connecting_until__gt=no_more_than_a_pause).exists()


def send_and_close(mailbox: Mailbox, recipient: str) -> None:
    send(mailbox, recipient)
    connection.close()


def test_where_all_places_are_taken_a_drain_leaves_at_once(
    contoso: Contoso, to_peer: SendConnector, settings: Settings
) -> None:
    settings.POSTROOM_WORKER_CONCURRENCY = 1
    send(contoso.alice_mailbox, "x@elsewhere.example")

    async def scenario() -> bool:
        async with await connect_flow() as other:
            assert await take_drain_slot(other, 1) is not None
            return await drain(5)

    assert asyncio.run(scenario()) is False
    assert Delivery.objects.get().state == "ready"


def test_what_comes_while_a_drain_ends_is_not_forgotten(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its wake-up found all places taken."""
    run = drain_module._Drain.run
    sent: list[bool] = []

    async def run_then_send(self: Any) -> None:
        await run(self)
        if not sent:
            sent.append(True)
            await asyncio.to_thread(send_and_close, contoso.alice_mailbox, "x@elsewhere.example")

    monkeypatch.setattr(drain_module._Drain, "run", run_then_send)
    deliver()
    assert len(peer.messages) == 1


def test_a_busy_queue_goes_over_few_connections(contoso: Contoso, peer: StubSmtp, to_peer: SendConnector) -> None:
    for _ in range(120):
        send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert len(peer.messages) == 120
    assert peer.connections <= drain_module.HOPS_PER_QUEUE


def test_a_connection_carries_no_more_messages_than_its_connector_says(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    SendConnector.objects.update(max_messages_per_connection=2)
    for _ in range(5):
        send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert len(peer.messages) == 5
    assert peer.connections >= 3


def test_a_record_that_cannot_be_written_costs_the_others_nothing(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EX1: whatever fails about one message's outcome, as its notice might, the recorder lives on."""
    bad = send(contoso.alice_mailbox, "bad@elsewhere.example")
    good = [send(contoso.alice_mailbox, "x@elsewhere.example") for _ in range(3)]

    async def failing(connection: Any, reports: Any, changes: Any = ()) -> None:
        if any(report.message.id == bad for report in reports):
            raise ValueError("a fault of ours")
        await record(connection, reports, changes)

    monkeypatch.setattr(recorder, "record", failing)
    deliver()
    assert set(Delivery.objects.values_list("message_id", flat=True)) == {bad}
    assert all(("SEND", "SMTP") in events_of(message_id) for message_id in good)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mailbox", "smtp"])
def test_a_fault_at_any_statement_loses_nothing_and_doubles_once_at_most(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """SQ2: the database goes away at the n-th statement, for every n."""
    monkeypatch.setattr(recorder, "PAUSE", 0.0)
    recipient = "bob@contoso.example" if kind == "mailbox" else "x@elsewhere.example"
    execute = psycopg.AsyncCursor.execute
    countdown = 0

    async def failing(self: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal countdown
        countdown -= 1
        if countdown == 0:
            await self.connection.close()
            raise psycopg.OperationalError("the database went away")
        return await execute(self, *arguments, **options)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", failing)
    for n in range(1, 200):
        message_id = send(contoso.alice_mailbox, recipient)
        peer.messages.clear()
        countdown = n
        with suppress(psycopg.OperationalError):
            deliver()
        if countdown > 0:
            break
        countdown = 0
        Delivery.objects.filter(state="active").update(lease_until=timezone.now() - timedelta(seconds=1))
        Queue.objects.update(connecting_until=None, next_retry_at=None)
        sweep_once()
        Delivery.objects.update(next_attempt_at=timezone.now())
        deliver()
        assert not Delivery.objects.exists(), f"stuck after a fault at statement {n}"
        assert len(peer.messages) <= 2
        ends = [name for name, _ in events_of(message_id) if name in ("SEND", "DELIVER")]
        assert len(ends) == 1, f"{ends} after a fault at statement {n}"
    assert n > 8


WORKER = """
import asyncio, django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8"]
from transport.queue.drain import drain
asyncio.run(drain(60))
"""


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_data_costs_one_lease(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    """CE3: the message is tried again, by somebody else, and arrives once."""
    peer.script["final"] = Silence()
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    program = WORKER.format(name=connection.settings_dict["NAME"])
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "POSTROOM_DATABASE_ROLE": "owner"}
    environment |= {"DJANGO_SETTINGS_MODULE": "postroom.settings"}
    worker = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        wait_until(lambda: any(line == "DATA" for line in peer.commands))
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert Delivery.objects.get().state == "active"
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    del peer.script["final"]
    assert sweep_once() is True
    deliver()
    assert len(peer.messages) == 1
    assert events_of(message_id)[-1] == ("SEND", "SMTP")
    assert TrackingEvent.objects.filter(event_id="SEND").count() == 1


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
