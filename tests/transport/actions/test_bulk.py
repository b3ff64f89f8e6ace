"""Many queues at once: what is previewed is what is done, in batches, and told in each tenant's audit log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.models import AuditEvent, User
from tenants.problems import Problem
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.actions import bulk
from transport.actions.bulk import abandoned_operations, confirm_operation, preview_operation, work
from transport.models import Delivery, EventId, Queue, QueueOperation, TrackingEvent
from transport.queue.across import QueueFilter
from transport.queue.figures import refresh_if_cheap

pytestmark = pytest.mark.django_db
ELSEWHERE = "x@elsewhere.example"


@pytest.fixture
def actor(operator: User) -> Actor:
    return Actor.operator(operator, "192.0.2.9")


@pytest.fixture
def waiting(contoso: Contoso) -> None:
    """Mail to the outside waits in two tenants' queues, and some to a mailbox in a third queue."""
    fabrikam = factories.make_tenant("fabrikam")
    for mailbox in (contoso.alice_mailbox, factories.make_mailbox(factories.make_domain(fabrikam), "ann")):
        send(mailbox, ELSEWHERE)
    send(contoso.alice_mailbox, "bob@contoso.example")
    refresh_if_cheap()


def test_a_preview_changes_nothing_and_its_confirmation_does_just_that(waiting: None, actor: Actor) -> None:
    found = preview_operation(actor=actor, verb="suspend", chosen=QueueFilter(delivery_type="unreachable"))
    assert (found.queues, found.messages, found.tenants) == (2, 2, 2)
    assert not Queue.objects.filter(suspended=True).exists()
    done = confirm_operation(actor=actor, operation=found)
    assert (done.state, done.changed, done.skipped) == ("done", 2, 0)
    assert set(Queue.objects.filter(suspended=True).values_list("delivery_type", flat=True)) == {"unreachable"}
    told = AuditEvent.objects.filter(action="queue.suspend")
    assert len({event.tenant_id for event in told}) == 2
    assert {(event.actor_kind, event.actor_name, event.client_address) for event in told} == {
        ("operator", "operator@postroom.example", "192.0.2.9")
    }


@pytest.mark.parametrize("verb", ["remove", "remove_with_ndr"])
def test_removing_spares_what_came_after_the_preview(waiting: None, actor: Actor, verb: str, contoso: Contoso) -> None:
    found = preview_operation(actor=actor, verb=verb, chosen=QueueFilter(tenant="contoso"))
    late = send(contoso.alice_mailbox, ELSEWHERE)
    done = confirm_operation(actor=actor, operation=found)
    assert (done.state, done.removed) == ("done", 2)
    left = Delivery.objects.filter(tenant=contoso.tenant, pending="")
    assert [row.message_id for row in left] == [late]
    dropped = TrackingEvent.objects.filter(event_id=EventId.DROP, reason="queue.removed")
    assert dropped.count() == (2 if verb == "remove" else 0)
    gone = Delivery.objects.filter(pending="remove_with_ndr", expires_at__lt=timezone.now())
    assert gone.count() == (0 if verb == "remove" else 2)
    event = AuditEvent.objects.filter(action="queue.empty")[0]
    assert event.after == {"removed": 1, "with_ndr": verb == "remove_with_ndr", "operation": str(found.pk)}


def test_a_preview_is_confirmed_by_its_maker_and_while_it_is_fresh(waiting: None, actor: Actor) -> None:
    found = preview_operation(actor=actor, verb="retry", chosen=QueueFilter())
    stranger = Actor.operator(factories.make_user("other@postroom.example", is_operator=True))
    with pytest.raises(Problem, match="preview_outdated"):
        confirm_operation(actor=stranger, operation=found)
    QueueOperation.objects.update(created_at=timezone.now() - timedelta(hours=1))
    with pytest.raises(Problem, match="preview_outdated"):
        confirm_operation(actor=actor, operation=found)
    assert QueueOperation.objects.get().state == "preview"


def test_a_big_one_is_gone_on_with_by_a_worker(
    waiting: None, actor: Actor, monkeypatch: pytest.MonkeyPatch, contoso: Contoso
) -> None:
    for _ in range(3):
        send(contoso.alice_mailbox, ELSEWHERE)
    monkeypatch.setattr(bulk, "SMALL", 0)
    monkeypatch.setattr(bulk, "MESSAGES", 2)
    found = preview_operation(actor=actor, verb="remove", chosen=QueueFilter())
    begun = confirm_operation(actor=actor, operation=found)
    assert (begun.state, begun.removed) == ("running", 2)
    assert abandoned_operations() == []
    QueueOperation.objects.update(touched_at=timezone.now() - timedelta(minutes=1))
    assert abandoned_operations() == [found.pk]
    assert not work(found.pk, seconds=10)
    done = QueueOperation.objects.get()
    assert (done.state, done.removed, done.changed) == ("done", 6, 3)
    assert not Delivery.objects.exists()
    assert not work(found.pk)


def test_what_is_as_wanted_is_left_alone(waiting: None, actor: Actor) -> None:
    first = preview_operation(actor=actor, verb="suspend", chosen=QueueFilter())
    confirm_operation(actor=actor, operation=first)
    again = confirm_operation(actor=actor, operation=preview_operation(actor=actor, verb="retry", chosen=QueueFilter()))
    assert (again.changed, again.skipped) == (0, 3)
