"""A greylisting peer is between it and one sender: it comes back in time, and nothing else waits for that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send
from transport.models import Delivery, Queue, SendConnector, TrackingEvent
from transport.queue.smtp_hop import HOPELESS_BATCH
from transport.tracking.timeline import timeline

pytestmark = WITH_WORKERS


def wait() -> float:
    """Return how many seconds after its last attempt the delivery is tried again."""
    last = TrackingEvent.objects.filter(event_id="DEFER").order_by("id").last()
    assert last is not None
    return (Delivery.objects.get().next_attempt_at - last.at).total_seconds()


@pytest.mark.parametrize(
    ("answer", "schedule", "seconds"),
    [
        ("451 4.7.1 Greylisted, try again in 20 seconds", "1m*4, 5m*6, 10m", 21),
        ("450 4.2.0 Greylisted for 15 minutes", "1m*4, 5m*6, 10m", 901),
        ("450 4.2.0 Greylisted", "1m*4, 5m*6, 10m", 300),
        ("450 4.2.0 Greylisted", "30s*5, 90s", 90),
        ("451 4.7.1 Try again later", "1m*4, 5m*6, 10m", 300),
        ("450 4.2.1 Mailbox busy", "1m*4, 5m*6, 10m", 60),
    ],
)
def test_it_is_tried_again_when_the_peer_said_else_in_five_minutes_within_the_tenants_clock(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, answer: str, schedule: str, seconds: int
) -> None:
    contoso.tenant.retry_schedule = schedule
    contoso.tenant.save()
    peer.script["rcpt"] = answer
    send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert wait() == seconds


def test_the_timeline_tells_of_it_and_of_the_next_try(contoso: Contoso, peer: StubSmtp, to_peer: SendConnector) -> None:
    peer.script["rcpt"] = "451 4.7.1 Greylisted, try again in 20 seconds"
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    deferred = next(entry for entry in timeline(contoso.tenant.pk, message_id) if entry.event_id == "DEFER")
    assert (deferred.reason, deferred.detail["asked_to_wait"]) == ("peer.greylist", 20)
    assert deferred.next_attempt_at == Delivery.objects.get().next_attempt_at
    del peer.script["rcpt"]
    Delivery.objects.update(next_attempt_at=timezone.now())
    deliver()
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "DEFER", "SEND"]


def test_the_queue_is_in_no_trouble_and_the_others_flow_on(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    """As many as would tell a peer that is not willing, and one behind them that it knows."""
    peer.script["rcpt"] = lambda line: "250 2.1.5 Ok" if "<known@" in line else "450 4.2.0 Greylisted"
    for number in range(HOPELESS_BATCH + 2):
        send(contoso.alice_mailbox, f"new{number}@elsewhere.example")
    deliver()
    queue = Queue.objects.get()
    assert (queue.retry_count, queue.next_retry_at, queue.last_error_reason) == (0, None, "")
    send(contoso.alice_mailbox, "known@elsewhere.example")
    deliver()
    assert len(peer.messages) == 1
    assert set(Delivery.objects.values_list("state", "attempts")) == {("retry", 1)}


def test_a_peer_that_puts_off_for_another_reason_is_trouble_of_the_queue(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["rcpt"] = "450 4.7.1 Rate limit exceeded, try again in 5 minutes"
    for _ in range(HOPELESS_BATCH):
        send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert Queue.objects.get().retry_count == 1


def test_who_greylists_for_ever_is_on_the_tenants_clock_and_no_try_comes_after_the_end(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["rcpt"] = "451 4.7.1 Greylisted, try again in 2 hours"
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    Delivery.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    deliver()
    assert wait() == 60
    Delivery.objects.update(attempts=20, next_attempt_at=timezone.now(), expires_at=timezone.now() + timedelta(days=1))
    deliver()
    assert wait() == 600
    assert TrackingEvent.objects.filter(message_id=message_id, event_id="DEFER").count() == 2
