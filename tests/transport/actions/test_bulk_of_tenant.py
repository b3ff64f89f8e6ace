"""Much of what waits at once, by a tenant's own people: what is previewed is what is done, and it can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.models import AuditEvent
from tenants.problems import Problem
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.actions import bulk_of_tenant
from transport.actions.bulk_of_tenant import (
    abandoned_operations,
    confirm_operation,
    preview_operation,
    undo_operation,
    work,
)
from transport.actions.redirect import find_target
from transport.models import BulkOperation, Delivery, EventId, Queue, TrackingEvent
from transport.queue.filters import MessageFilters, QueueFilters

pytestmark = pytest.mark.django_db
ELSEWHERE = MessageFilters(recipient="@elsewhere.example")


@pytest.fixture
def actor(contoso: Contoso) -> Actor:
    return Actor.user(contoso.alice, "192.0.2.9")


@pytest.fixture
def waiting(contoso: Contoso) -> None:
    """Three messages to elsewhere, one of them to two there and to one in another domain; and another tenant's."""
    for _ in range(2):
        send(contoso.alice_mailbox, "x@elsewhere.example")
    send(contoso.alice_mailbox, "y@elsewhere.example", "z@elsewhere.example", "o@other.example")
    send(factories.make_mailbox(factories.make_domain(factories.make_tenant("fabrikam")), "ann"), "x@elsewhere.example")


def done(
    contoso: Contoso, actor: Actor, verb: str, filters: QueueFilters | MessageFilters, smart_host: str = ""
) -> BulkOperation:
    tenant_id = contoso.tenant.pk
    with scope(tenant_id):
        target = find_target(tenant_id=tenant_id, smart_host=smart_host) if smart_host else None
        found = preview_operation(actor=actor, tenant_id=tenant_id, verb=verb, filters=filters, target=target)
        return confirm_operation(actor=actor, operation=found)


def states() -> list[tuple[str, str]]:
    return sorted(Delivery.objects.values_list("recipient", "state"))


def test_a_preview_counts_and_changes_nothing(waiting: None, contoso: Contoso, actor: Actor) -> None:
    before = states()
    found = preview_operation(actor=actor, tenant_id=contoso.tenant.pk, verb="suspend", filters=ELSEWHERE)
    assert (found.messages, found.total, found.queues, found.state) == (3, 4, 1, "preview")
    assert states() == before


def test_what_was_suspended_is_resumed_and_nothing_else(waiting: None, contoso: Contoso, actor: Actor) -> None:
    Delivery.objects.filter(recipient="z@elsewhere.example").update(state="suspended")
    first = done(contoso, actor, "suspend", ELSEWHERE)
    assert (first.state, first.changed, first.left) == ("done", 3, 1)
    assert Delivery.objects.filter(state="suspended").count() == 4
    with scope(contoso.tenant):
        back = undo_operation(actor=actor, operation=first)
    assert (back.verb, back.state, back.changed) == ("resume", "done", 3)
    assert [row.recipient for row in Delivery.objects.filter(state="suspended")] == ["z@elsewhere.example"]
    assert [event.action for event in AuditEvent.objects.filter(object_type="bulkoperation").order_by("id")] == [
        *["bulk_operation.begin", "bulk_operation.end"] * 2
    ]
    first.refresh_from_db()
    for again in (first, back):
        with pytest.raises(Problem, match="cannot_undo"):
            undo_operation(actor=actor, operation=again)


def test_what_was_redirected_comes_back(waiting: None, contoso: Contoso, actor: Actor) -> None:
    first = done(contoso, actor, "redirect", QueueFilters(status="unreachable"), smart_host="relay.fabrikam.example")
    assert (first.over, first.changed) == ("messages", 5)
    assert Queue.objects.filter(next_hop_domain="relay.fabrikam.example").count() == 1
    assert TrackingEvent.objects.filter(event_id=EventId.REDIRECT).count() == 3
    with scope(contoso.tenant):
        back = undo_operation(actor=actor, operation=first)
    assert (back.verb, back.changed) == ("undo_redirect", 5)
    assert not Delivery.objects.filter(redirected_to__isnull=False).exists()


def test_queues_are_suspended_as_a_whole_and_resumed(waiting: None, contoso: Contoso, actor: Actor) -> None:
    first = done(contoso, actor, "suspend", QueueFilters(delivery_type="unreachable"))
    assert (first.over, first.queues, first.messages, first.changed) == ("queues", 1, 3, 1)
    assert Queue.objects.filter(suspended=True).get().tenant_id == contoso.tenant.pk
    again = done(contoso, actor, "suspend", QueueFilters())
    assert (again.changed, again.left) == (0, 1)
    undo_operation(actor=actor, operation=first)
    assert not Queue.objects.filter(suspended=True).exists()


@pytest.mark.parametrize(("verb", "left"), [("remove", 1), ("remove_with_ndr", 5)])
def test_removing_spares_what_came_after_the_preview(
    waiting: None, contoso: Contoso, actor: Actor, verb: str, left: int
) -> None:
    found = preview_operation(actor=actor, tenant_id=contoso.tenant.pk, verb=verb, filters=ELSEWHERE)
    late = send(contoso.alice_mailbox, "x@elsewhere.example")
    gone = confirm_operation(actor=actor, operation=found)
    assert gone.changed == 4
    ours = Delivery.objects.filter(tenant=contoso.tenant).exclude(message_id=late)
    assert ours.count() == left
    assert Delivery.objects.filter(message_id=late, pending="").exists()
    with pytest.raises(Problem, match="cannot_undo"):
        undo_operation(actor=actor, operation=gone)


def test_messages_that_were_ticked_are_all_that_is_hit(waiting: None, contoso: Contoso, actor: Actor) -> None:
    row = Delivery.objects.filter(tenant=contoso.tenant).order_by("id")[0]
    chosen = [(row.message_id, row.queue_id)]
    found = preview_operation(
        actor=actor, tenant_id=contoso.tenant.pk, verb="retry", filters=MessageFilters(), chosen=chosen
    )
    assert (found.messages, found.ids) == (1, [str(row.pk)])


def test_another_tenants_mail_is_never_hit(waiting: None, contoso: Contoso, actor: Actor) -> None:
    theirs = Delivery.objects.exclude(tenant=contoso.tenant).get()
    chosen = [(theirs.message_id, theirs.queue_id)]
    with scope(contoso.tenant):
        found = preview_operation(
            actor=actor, tenant_id=contoso.tenant.pk, verb="remove", filters=MessageFilters(), chosen=chosen
        )
        assert (found.total, found.messages) == (0, 0)
        assert confirm_operation(actor=actor, operation=found).state == "done"
    BulkOperation.objects.update(ids=[str(theirs.pk)], total=1, position=0, state="running")
    assert not work(found.pk)
    assert Delivery.objects.filter(pk=theirs.pk).exists()


def test_a_preview_is_confirmed_by_its_maker_and_while_it_is_fresh(
    waiting: None, contoso: Contoso, actor: Actor
) -> None:
    found = preview_operation(actor=actor, tenant_id=contoso.tenant.pk, verb="retry", filters=MessageFilters())
    with pytest.raises(Problem, match="preview_outdated"):
        confirm_operation(actor=Actor.user(contoso.bob), operation=found)
    BulkOperation.objects.update(created_at=timezone.now() - timedelta(hours=1))
    with pytest.raises(Problem, match="preview_outdated"):
        confirm_operation(actor=actor, operation=found)


def test_a_big_one_is_gone_on_with_by_a_worker(
    waiting: None, contoso: Contoso, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_of_tenant, "SMALL", 0)
    monkeypatch.setattr(bulk_of_tenant, "RECIPIENTS", 2)
    monkeypatch.setattr(bulk_of_tenant, "MOST", 4)
    begun = done(contoso, actor, "remove", MessageFilters())
    assert (begun.state, begun.changed, begun.total, begun.has_more) == ("running", 2, 4, True)
    assert abandoned_operations() == []
    BulkOperation.objects.update(touched_at=timezone.now() - timedelta(minutes=1))
    assert abandoned_operations() == [begun.pk]
    assert not work(begun.pk, seconds=10)
    assert BulkOperation.objects.get().state == "done"
    assert Delivery.objects.filter(tenant=contoso.tenant).count() == 1
