from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db.models import F
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tenants.models import Tenant
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send, with_flow
from transport.actions.queue import remove_message
from transport.models import Delivery, MailboxMessage, Message, Queue, SendConnector, TrackingEvent
from transport.queue import sweep
from transport.queue.claim import claim
from transport.queue.leases import POISON_THRESHOLD, free_claim, free_queue, renew, take_in_hand
from transport.queue.reconfigure import reroute_tenant
from transport.queue.sweep import reroute_once, sweep_once

pytestmark = WITH_WORKERS
AGO, SOON = timedelta(minutes=-1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what the broker would be told."""
    told: list[str] = []
    monkeypatch.setattr(sweep, "wake", lambda task, *_: told.append(task))
    return told


def move_clock(**times: timedelta) -> None:
    Delivery.objects.update(**{name: timezone.now() + change for name, change in times.items()})


def crash_holding(message_id: Any) -> None:
    """Claim a message as a worker does that then dies handling it, and let its lease run out."""
    queue_id = Delivery.objects.get(message_id=message_id).queue_id
    batch = with_flow(claim, queue_id, 10)
    with_flow(take_in_hand, batch.lease_id, batch.delivery_ids)
    move_clock(lease_until=AGO)


def test_what_a_dead_worker_held_is_ready_again(contoso: Contoso, hints: list[str]) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    crash_holding(message_id)
    assert sweep_once() is True
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.crashes, delivery.lease_id) == ("ready", 1, None)
    assert hints == ["transport.deliver"]


def test_what_took_its_worker_down_twice_is_poison_and_stays_so(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    for _ in range(POISON_THRESHOLD):
        crash_holding(message_id)
        sweep_once()
    move_clock(expires_at=AGO, next_attempt_at=AGO)
    assert sweep_once() is False
    deliver()
    assert Delivery.objects.get().state == "poison"
    assert events_of(message_id)[-1] == ("POISONMESSAGE", "POISONMESSAGE")


def test_a_suspect_is_claimed_alone_and_after_the_others(contoso: Contoso) -> None:
    suspect = send(contoso.alice_mailbox, "bob@contoso.example")
    Delivery.objects.update(crashes=1)
    others = {send(contoso.alice_mailbox, "bob@contoso.example") for _ in range(2)}
    queue_id = Delivery.objects.values_list("queue_id", flat=True).first()
    first, second = (with_flow(claim, queue_id, 10) for _ in range(2))
    assert {message.id for message in first.messages} == others
    assert [message.id for message in second.messages] == [suspect]


@pytest.mark.parametrize("held", ["queue", "tenant"])
def test_what_is_suspended_in_the_middle_of_a_turn_gives_no_further_batch(contoso: Contoso, held: str) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    queue_id = Delivery.objects.get().queue_id
    if held == "queue":
        Queue.objects.update(suspended=True)
    else:
        Tenant.objects.filter(pk=contoso.tenant.pk).update(status="suspended")
    assert with_flow(claim, queue_id, 10).is_empty


@pytest.mark.parametrize("end", ["given back", "crash"])
def test_what_was_removed_in_flight_and_came_back_untried_is_dropped(contoso: Contoso, end: str) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    queue_id = Delivery.objects.get().queue_id
    batch = with_flow(claim, queue_id, 10)
    remove_message(actor=SYSTEM, message=Message.objects.get(pk=message_id), with_ndr=False)
    if end == "crash":
        move_clock(lease_until=AGO)
    else:
        with_flow(free_claim, batch)
    assert with_flow(claim, queue_id, 10).is_empty
    sweep_once()
    assert not Delivery.objects.exists()
    assert events_of(message_id)[-2:] == [("RECEIVE", "STOREDRIVER"), ("DROP", "ADMIN")]


def test_an_expired_message_comes_back_with_the_error_that_held_it(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    move_clock(expires_at=AGO)
    sweep_once()
    deliver()
    failure = TrackingEvent.objects.get(message_id=message_id, event_id="FAIL")
    assert (failure.code, failure.enhanced, failure.reason) == (550, "4.4.7", "queue.expired")
    assert events_of(message_id)[-2:] == [("FAIL", "QUEUE"), ("DSN", "DSN")]
    notice = MailboxMessage.objects.get(mailbox=contoso.alice_mailbox)
    assert notice.subject == "Undeliverable: Hi"
    content = bytes(notice.body.content)
    assert content.startswith(b"Return-Path: <>\r\n")
    assert b"Status: 4.4.7" in content
    # There was no send connector: that is for the organisation to mend, not for the writer.
    assert b"The cause lies in your organisation's mail settings" in content


def test_a_notice_that_expires_is_told_to_nobody(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    Message.objects.update(sender="")
    move_clock(expires_at=AGO)
    sweep_once()
    assert events_of(message_id)[-2:] == [("FAIL", "QUEUE"), ("SUPPRESSED", "DSN")]
    assert not Delivery.objects.exists()


def test_a_delay_is_told_once(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    move_clock(delay_notice_at=AGO)
    sweep_once()
    sweep_once()
    deliver()
    assert events_of(message_id).count(("DSN", "DSN")) == 1
    assert [letter.subject for letter in MailboxMessage.objects.all()] == ["Delayed: Hi"]
    assert Delivery.objects.get().state == "unreachable"


def test_what_was_unreachable_leaves_once_there_is_a_connector(contoso: Contoso, peer: StubSmtp) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    connector = factories.make_send_connector(contoso.tenant, smart_hosts=[("127.0.0.1", peer.endpoint.port)])
    Tenant.objects.update(config_version=2)
    assert reroute_once(contoso.tenant.pk) == 1
    deliver()
    assert len(peer.messages) == 1
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "DEFER", "RESUBMIT", "SEND"]
    assert TrackingEvent.objects.get(event_id="SEND").connector == connector.name


def test_a_lost_hint_after_a_change_is_made_up_for_by_the_sweep(
    contoso: Contoso, to_peer: SendConnector, hints: list[str]
) -> None:
    SendConnector.objects.update(enabled=False)
    send(contoso.alice_mailbox, "x@elsewhere.example")
    SendConnector.objects.update(enabled=True)
    Tenant.objects.update(config_version=2)
    assert sweep_once() is True
    assert Delivery.objects.get().state == "ready"


def test_what_waits_for_a_connector_that_is_gone_is_unreachable(contoso: Contoso, to_peer: SendConnector) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    Queue.objects.update(next_retry_at=timezone.now() + SOON)
    to_peer.delete()
    Tenant.objects.update(config_version=2)
    reroute_once(contoso.tenant.pk)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_error_reason) == ("unreachable", "route.no_connector")
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "RESUBMIT", "DEFER"]


def test_a_recipient_that_became_another_tenants_is_handed_over(contoso: Contoso, to_peer: SendConnector) -> None:
    message_id = send(contoso.alice_mailbox, "carl@fabrikam.example")
    fabrikam = factories.make_tenant("fabrikam")
    factories.make_mailbox(factories.make_domain(fabrikam, "fabrikam.example"), "carl")
    Tenant.objects.filter(pk=contoso.tenant.pk).update(config_version=2)
    deliver()
    transfer = TrackingEvent.objects.get(message_id=message_id, event_id="TRANSFER")
    other = Message.objects.get(tenant=fabrikam)
    assert transfer.reference == str(other.pk)
    assert MailboxMessage.objects.get(tenant=fabrikam).message_id == other.pk


def test_a_recipient_that_is_refused_now_comes_back(contoso: Contoso, to_peer: SendConnector) -> None:
    message_id = send(contoso.alice_mailbox, "carl@new.example")
    factories.make_domain(contoso.tenant, "new.example")
    Tenant.objects.update(config_version=2)
    deliver()
    failure = TrackingEvent.objects.get(message_id=message_id, event_id="FAIL")
    assert (failure.source, failure.reason) == ("ROUTING", "recipient.unknown")
    assert MailboxMessage.objects.get().subject == "Undeliverable: Hi"


def test_the_hints_of_many_changes_are_one_piece_of_work(contoso: Contoso, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def note(connection: Any, tenant_id: Any) -> int:
        asked.append(tenant_id)
        return await reroute_tenant(connection, tenant_id)

    monkeypatch.setattr(sweep, "reroute_tenant", note)
    for _ in range(3):
        reroute_once(contoso.tenant.pk)
    assert asked == [contoso.tenant.pk]
    Tenant.objects.filter(pk=contoso.tenant.pk).update(config_version=F("config_version") + 1)
    for _ in range(3):
        reroute_once(contoso.tenant.pk)
    assert asked == [contoso.tenant.pk] * 2


def test_a_step_that_lost_to_a_deadlock_keeps_no_other_from_being_done(
    contoso: Contoso, hints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(connection: Any, limit: int = 0) -> int:
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    for step in ("take_back_expired", "release_held", "roll_up", "tally"):
        monkeypatch.setattr(sweep, step, lose)
    send(contoso.alice_mailbox, "bob@contoso.example")
    assert sweep_once()
    assert hints == ["transport.deliver"]


def test_a_queue_that_was_given_back_meanwhile_stays_free(contoso: Contoso) -> None:
    """The count of what is being connected for is older than the statement that renews it."""
    send(contoso.alice_mailbox, "bob@contoso.example")
    queue_id = Queue.objects.get().pk

    def is_held(seconds: int) -> bool:
        return Queue.objects.filter(connecting_until__gt=timezone.now() + timedelta(seconds=seconds)).exists()

    Queue.objects.update(connecting_until=timezone.now() + timedelta(seconds=5))
    with_flow(renew, [], [queue_id])
    assert is_held(10)
    with_flow(free_queue, queue_id)
    with_flow(renew, [], [queue_id])
    assert not is_held(0)
