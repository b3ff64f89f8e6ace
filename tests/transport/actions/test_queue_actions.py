from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tenants.models import AuditEvent
from tenants.problems import Problem
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.actions.queue import (
    remove_message,
    resubmit_message,
    resume_message,
    resume_queue,
    retry_message,
    retry_queue,
    suspend_message,
    suspend_queue,
)
from transport.actions.send_connectors import change_send_connector
from transport.models import Delivery, Message, Queue, TrackingEvent

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=1)


@pytest.fixture
def message(contoso: Contoso) -> Message:
    return Message.objects.get(pk=send(contoso.alice_mailbox, "bob@contoso.example"))


def put(state: str, **fields: object) -> None:
    Delivery.objects.update(state=state, **fields)


def queue() -> Queue:
    return Queue.objects.get()


def test_retrying_a_queue_makes_all_of_it_due(message: Message) -> None:
    put("retry", next_attempt_at=timezone.now() + SOON)
    Queue.objects.update(next_retry_at=timezone.now() + SOON)
    retry_queue(actor=SYSTEM, queue=queue())
    assert queue().next_retry_at is None
    assert Delivery.objects.get().next_attempt_at <= timezone.now()
    assert AuditEvent.objects.get(action="queue.retry").object_name == "Mailboxes"


def test_a_suspended_queue_cannot_be_retried(message: Message) -> None:
    suspend_queue(actor=SYSTEM, queue=queue())
    with pytest.raises(Problem, match=r"queue\.not_actionable"):
        retry_queue(actor=SYSTEM, queue=queue())
    resume_queue(actor=SYSTEM, queue=queue())
    assert not queue().suspended


def test_a_suspended_message_waits_until_it_is_resumed(message: Message) -> None:
    assert suspend_message(actor=SYSTEM, message=message) == 1
    assert Delivery.objects.get().state == "suspended"
    assert resume_message(actor=SYSTEM, message=message, queue=queue()) == 1
    assert Delivery.objects.get().state == "ready"


@pytest.mark.parametrize("act", [suspend_message, lambda **given: remove_message(**given, with_ndr=False)])
def test_what_is_in_flight_is_only_marked(message: Message, act: object) -> None:
    put("active", lease_id=UUID(int=1), lease_until=timezone.now() + SOON)
    act(actor=SYSTEM, message=message)  # type: ignore[operator]
    delivery = Delivery.objects.get()
    assert (delivery.state, bool(delivery.pending)) == ("active", True)


def test_removing_without_a_notice_drops_it_and_says_so(message: Message) -> None:
    assert remove_message(actor=SYSTEM, message=message, with_ndr=False) == 1
    assert not Delivery.objects.exists()
    drop = TrackingEvent.objects.get(event_id="DROP")
    assert (drop.source, drop.reason, drop.recipients) == ("ADMIN", "queue.removed", ["bob@contoso.example"])


def test_removing_with_a_notice_leaves_it_to_the_sweep(message: Message) -> None:
    remove_message(actor=SYSTEM, message=message, with_ndr=True)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.pending) == ("suspended", "remove_with_ndr")
    assert delivery.expires_at < timezone.now()
    assert resume_message(actor=SYSTEM, message=message) == 0


def test_a_poison_message_goes_on_when_it_is_resumed(message: Message) -> None:
    put("poison", crashes=2)
    resume_message(actor=SYSTEM, message=message)
    assert (Delivery.objects.get().state, Delivery.objects.get().crashes) == ("ready", 0)
    assert TrackingEvent.objects.get(event_id="POISONMESSAGE").source == "ADMIN"


def test_what_is_unreachable_is_routed_again_on_retry_and_on_resubmit(contoso: Contoso) -> None:
    message = Message.objects.get(pk=send(contoso.alice_mailbox, "x@elsewhere.example"))
    for act in (retry_message, resubmit_message):
        put("unreachable", config_version=1)
        assert act(actor=SYSTEM, message=message) == 1
        assert Delivery.objects.get().config_version == 0
    put("unreachable", config_version=1)
    retry_queue(actor=SYSTEM, queue=queue())
    assert Delivery.objects.get().config_version == 0


def test_actions_work_inside_a_tenants_scope(contoso: Contoso, message: Message) -> None:
    with scope(contoso.tenant):
        suspend_message(actor=SYSTEM, message=message)
        resume_message(actor=SYSTEM, message=message)
        retry_queue(actor=SYSTEM, queue=queue())
        remove_message(actor=SYSTEM, message=message, with_ndr=False)
    assert AuditEvent.objects.filter(tenant=contoso.tenant).count() == 4


def test_changing_a_connector_makes_what_waits_for_it_due(contoso: Contoso) -> None:
    connector = factories.make_send_connector(contoso.tenant)
    send(contoso.alice_mailbox, "x@elsewhere.example")
    put("retry", next_attempt_at=timezone.now() + SOON)
    Queue.objects.update(next_retry_at=timezone.now() + SOON)
    change_send_connector(actor=SYSTEM, connector=connector, fqdn="mail.contoso.example")
    assert queue().next_retry_at is None
    assert Delivery.objects.get().next_attempt_at <= timezone.now()


def test_changing_a_connector_leaves_suspended_queues_alone(contoso: Contoso) -> None:
    connector = factories.make_send_connector(contoso.tenant)
    send(contoso.alice_mailbox, "x@elsewhere.example")
    put("retry", next_attempt_at=timezone.now() + SOON)
    suspend_queue(actor=SYSTEM, queue=queue())
    change_send_connector(actor=SYSTEM, connector=connector, comment="looked at")
    assert Delivery.objects.get().next_attempt_at > timezone.now()
