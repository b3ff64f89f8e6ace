"""Promises about the queue by the name of their statement (reliability PF2, PF5, CE1, CE2); others are elsewhere."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send
from transport.models import Delivery, Queue, SendConnector
from transport.queue.drain import drain
from transport.queue.recorder import Recorder
from transport.queue.sweep import sweep_once

pytestmark = WITH_WORKERS


def test_pf2_a_kill_between_the_next_hops_250_and_our_commit_costs_one_copy_and_tells_one_story(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")

    async def die(self: Recorder, group: Any) -> None:
        """As a worker that is killed: what it should have committed is nowhere."""

    with monkeypatch.context() as dying:
        dying.setattr(Recorder, "_record", die)
        deliver()
    assert (len(peer.messages), Delivery.objects.get().state) == (1, "active")
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep_once()
    deliver()
    deliver()
    assert len(peer.messages) == 2
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "SEND"]
    assert not Delivery.objects.exists()


def test_ce1_without_a_single_wake_up_one_sweep_finds_all_there_is(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    for number in range(60):
        send(contoso.alice_mailbox, f"x{number}@elsewhere.example")
    assert sweep_once()
    deliver(20)
    assert Counter(message.rcpts[0] for message in peer.messages).most_common(1)[0][1] == 1
    assert len(peer.messages) == 60


@pytest.mark.slow
def test_ce2_two_beats_and_four_workers_send_nothing_twice(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, settings: Settings
) -> None:
    settings.POSTROOM_WORKER_CONCURRENCY = 4
    for number in range(100):
        send(contoso.alice_mailbox, f"x{number}@elsewhere.example")

    def beat() -> None:
        for _ in range(3):
            sweep_once()
        connection.close()

    async def everybody() -> None:
        beats = [asyncio.to_thread(beat) for _ in range(2)]
        await asyncio.gather(*(drain(20, idle=0.5) for _ in range(4)), *beats)

    asyncio.run(everybody())
    for _ in range(10):  # what found no connection free at the end
        Queue.objects.update(connecting_until=None)
        deliver(20)
    assert Counter(message.rcpts[0] for message in peer.messages).most_common(1)[0][1] == 1
    assert len(peer.messages) == 100


MANY = """
INSERT INTO transport_delivery (id, tenant_id, message_id, queue_id, recipient, original_recipient, notify, state,
  priority, config_version, created_at, next_attempt_at, expires_at, attempts, crashes, last_error_enhanced,
  last_error_text, last_error_reason, last_error_peer_text, last_error_phase, last_error_endpoint)
SELECT gen_random_uuid(), tenant_id, message_id, queue_id, 'x' || n || '@elsewhere.example', '', '', 'ready',
  priority, config_version, created_at, next_attempt_at, expires_at, 0, 0, '', '', '', '', '', ''
FROM transport_delivery, generate_series(2, %s) AS n
"""


def resident() -> int:
    """Return this process's memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_pf5_a_hundred_thousand_that_wait_need_no_more_memory_than_a_few(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    send(contoso.alice_mailbox, "x@elsewhere.example")
    with connection.cursor() as cursor:
        cursor.execute(MANY, [100_000])
    taken = 500

    def enough() -> bool:
        return sum(len(message.rcpts) for message in peer.messages) >= taken

    before = resident()
    asyncio.run(drain(30, stop=enough))
    sweep_once()
    assert enough()
    assert resident() - before < 100 * 1024 * 1024
    assert Delivery.objects.filter(state="ready").count() > 50_000
