"""What Exchange promises of its queues (reliability EX1, EX2, EX4, EX5); EX3 is fairness (test_workers.py).

Time passes by moving what the database knows of it: its clock cannot be turned.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import SILENCE, StubSmtp
from tests.transport.workers import WITH_WORKERS, Running, deliver, events_of, send, with_flow
from transport.actions.queue import resubmit_queue, resume_message
from transport.actions.send_connectors import HostInput, SpaceInput, create_send_connector
from transport.models import Delivery, MailboxMessage, Message, Queue, SendConnector, TrackingEvent
from transport.queue import sweep
from transport.queue.claim import claim
from transport.queue.drain import drain
from transport.queue.leases import COMPANY_THRESHOLD
from transport.queue.sweep import sweep_once

pytestmark = WITH_WORKERS
ROOT = Path(__file__).resolve().parents[3]
ELSEWHERE = "x@elsewhere.example"
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "wake", lambda *_: None)


WORKER = """
import asyncio, os, django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8"]
from transport.delivery.client import SmtpConnection
from transport.queue.drain import drain
send = SmtpConnection.send

async def send_or_die(self, message):
    if str(message.key) == {poison!r}:
        await asyncio.sleep(1)  # others are in flight by then
        os.kill(os.getpid(), 9)
    return await send(self, message)

SmtpConnection.send = send_or_die
asyncio.run(drain(60, idle=0.0))
"""


def let_it_kill_a_worker(poison: UUID) -> None:
    """Run a worker until the message kills it, and let the leases that it had run out."""
    program = WORKER.format(name=connection.settings_dict["NAME"], poison=str(poison))
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "POSTROOM_DATABASE_ROLE": "owner"}
    environment |= {"DJANGO_SETTINGS_MODULE": "postroom.settings"}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL
    lose_leases()


def lose_leases() -> None:
    Delivery.objects.filter(state="active").update(lease_until=timezone.now() - SECOND)
    Queue.objects.update(connecting_until=None)
    sweep_once()


@pytest.mark.slow
def test_ex1_what_kills_two_workers_is_set_aside_and_neither_its_neighbours_nor_those_behind_it_are(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    slow = StubSmtp({"greeting": SILENCE})
    with Running(slow):
        factories.make_send_connector(contoso.tenant, "slow.example", smart_hosts=[("127.0.0.1", slow.endpoint.port)])
        poison, behind = (send(contoso.alice_mailbox, ELSEWHERE) for _ in range(2))
        neighbour = send(contoso.alice_mailbox, "x@slow.example")
        for _ in range(2):
            let_it_kill_a_worker(poison)
        states = dict(Delivery.objects.values_list("message_id", "state"))
        assert states == {poison: "poison", behind: "ready", neighbour: "ready"}

        slow.script.clear()
        asyncio.run(drain(60, idle=3.0))  # suspects take turns, a moment apart
        assert [row.message_id for row in Delivery.objects.all()] == [poison]
        assert (len(peer.messages), len(slow.messages)) == (1, 1)
    row = Delivery.objects.get()
    assert (row.last_error_reason, row.crashes) == ("queue.poison", 2)
    assert events_of(poison)[-1] == ("POISONMESSAGE", "POISONMESSAGE")

    # It neither goes nor expires by itself, however often the platform starts again.
    Delivery.objects.update(expires_at=timezone.now() - SECOND, next_attempt_at=timezone.now() - SECOND)
    lose_leases()
    deliver()
    assert Delivery.objects.get().state == "poison"
    Delivery.objects.update(expires_at=timezone.now() + timedelta(days=1))
    resume_message(actor=SYSTEM, message=Message.objects.get(pk=poison))
    deliver()
    assert len(peer.messages) == 2
    assert not Delivery.objects.exists()


def test_ex1_only_again_and_again_in_the_company_of_what_kills_makes_poison(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    queue_id = Delivery.objects.get().queue_id
    for count in range(1, COMPANY_THRESHOLD + 1):
        assert Delivery.objects.get().state == "ready"
        with_flow(claim, queue_id, 10)
        lose_leases()
        assert Delivery.objects.get().crashes == count
    assert Delivery.objects.get().state == "poison"


def test_ex1_a_suspect_that_fares_well_is_none_any_more(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["mail"] = "452 4.3.1 Full"
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    Delivery.objects.update(crashes=1)
    deliver()
    row = Delivery.objects.get()
    assert (row.state, row.crashes) == ("retry", 0)
    assert events_of(message_id)[-1] == ("DEFER", "SMTP")


def test_ex2_what_no_connector_serves_waits_to_be_seen_and_leaves_by_itself_once_there_is_one(
    contoso: Contoso, peer: StubSmtp
) -> None:
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.last_error_reason) == ("unreachable", "route.no_connector")
    create_send_connector(
        actor=SYSTEM,
        tenant=contoso.tenant,
        name="Out",
        address_spaces=[SpaceInput("*")],
        smart_hosts=[HostInput("127.0.0.1", peer.endpoint.port)],
        routing="smart_hosts",
    )
    sweep_once()  # comes every ten seconds, whatever hints were lost
    deliver()
    assert len(peer.messages) == 1
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "DEFER", "RESUBMIT", "SEND"]


def test_ex4_resubmitting_tells_nobody_twice(contoso: Contoso, peer: StubSmtp, to_peer: SendConnector) -> None:
    answers = {"<no@": "550 5.1.1 Unknown", "<later@": "452 4.2.2 Full"}
    peer.script["rcpt"] = lambda line: next((told for mark, told in answers.items() if mark in line), "250 2.1.5 Ok")
    message_id = send(contoso.alice_mailbox, *(f"{name}@elsewhere.example" for name in ("yes", "no", "later")))
    deliver()
    for _ in range(2):
        resubmit_queue(actor=SYSTEM, queue=Queue.objects.get(connector_id=to_peer.pk))
        sweep_once()
        deliver()
    answers["<later@"] = "550 5.2.1 Disabled"
    resubmit_queue(actor=SYSTEM, queue=Queue.objects.get(connector_id=to_peer.pk))
    deliver()
    resubmit_queue(actor=SYSTEM, queue=Queue.objects.get(connector_id=to_peer.pk))
    deliver()
    told = [bytes(letter.body.content) for letter in MailboxMessage.objects.select_related("body").order_by("id")]
    assert [notice.count(b"Final-Recipient:") for notice in told] == [1, 1]
    assert [name in notice for notice, name in zip(told, (b"no@elsewhere", b"later@elsewhere"), strict=True)] == [
        True
    ] * 2
    assert events_of(message_id).count(("DSN", "DSN")) == 2
    assert [received.rcpts for received in peer.messages] == [["RCPT TO:<yes@elsewhere.example>"]]


def pass_time(delta: timedelta) -> None:
    """Let everything that waits be older by so much."""
    times = ("created_at", "expires_at", "delay_notice_at", "next_attempt_at")
    Delivery.objects.update(**{name: F(name) - delta for name in times})
    Queue.objects.update(next_retry_at=F("next_retry_at") - delta)
    sweep_once()
    deliver()


def test_ex5_first_retry_within_a_minute_a_notice_of_delay_after_four_hours_and_the_end_after_two_days(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["mail"] = "452 4.3.1 Full"
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert Delivery.objects.get().next_attempt_at <= timezone.now() + timedelta(minutes=1)

    def subjects() -> list[str]:
        return list(MailboxMessage.objects.order_by("id").values_list("subject", flat=True))

    minute = timedelta(minutes=1)
    pass_time(minute)
    assert Delivery.objects.get().attempts == 2
    pass_time(timedelta(hours=4) - 2 * minute)
    assert subjects() == []
    pass_time(2 * minute)
    assert subjects() == ["Delayed: Hi"]
    pass_time(timedelta(days=2) - timedelta(hours=4) - 2 * minute)
    assert subjects() == ["Delayed: Hi"]
    assert Delivery.objects.get().state == "retry"
    pass_time(2 * minute)
    assert subjects() == ["Delayed: Hi", "Undeliverable: Hi"]
    assert TrackingEvent.objects.get(message_id=message_id, event_id="FAIL").reason == "queue.expired"
    assert not Delivery.objects.exists()
