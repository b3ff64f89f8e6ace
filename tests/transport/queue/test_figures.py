"""The kept figures say what the queues hold, and cost next to nothing to look at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.models import Delivery, Queue, QueueFigures, RollUp
from transport.queue import figures
from transport.queue.across import QueueFilter, by_destination, by_status, grouped

pytestmark = pytest.mark.django_db


def test_the_figures_follow_the_queues(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    send(contoso.alice_mailbox, "x@elsewhere.example", "y@elsewhere.example")
    assert figures.refresh_if_due()
    by_type = {row.delivery_type: row for row in QueueFigures.objects.all()}
    unreachable = by_type["unreachable"]
    assert (unreachable.status, unreachable.messages, unreachable.deliveries) == ("unreachable", 1, 2)
    assert unreachable.reason == Delivery.objects.filter(state="unreachable")[0].last_error_reason != ""
    assert by_type["smtp_delivery_to_mailbox"].status == "ready"
    Delivery.objects.all().delete()
    assert figures.refresh_if_cheap()
    assert not QueueFigures.objects.exists()


def test_a_queues_own_newer_error_stands_before_its_messages(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    now = timezone.now()
    Delivery.objects.update(
        last_error_reason="peer.greylisted", last_error_at=now - timedelta(minutes=5), state="retry"
    )
    Queue.objects.update(
        last_error_reason="connect.refused", last_error_at=now, last_error_endpoint="mx [192.0.2.1]:25"
    )
    figures.refresh_if_due()
    assert QueueFigures.objects.get().reason == "connect.refused"
    Delivery.objects.update(last_error_at=now + timedelta(minutes=5), last_error_peer_text="450 later")
    figures.refresh_if_cheap()
    row = QueueFigures.objects.get()
    assert (row.reason, row.peer_text, row.status) == ("peer.greylisted", "450 later", "retry")


def test_dear_counting_is_done_seldom(contoso: Contoso) -> None:
    figures.refresh_if_due()
    assert not figures.refresh_if_due()
    RollUp.objects.update(milliseconds=2000)
    assert not figures.refresh_if_cheap()
    RollUp.objects.update(at=timezone.now() - timedelta(seconds=30))
    assert not figures.refresh_if_due()
    RollUp.objects.update(at=timezone.now() - timedelta(seconds=41))
    assert figures.refresh_if_due()


def test_one_error_over_many_tenants_is_one_group(contoso: Contoso) -> None:
    other = factories.make_tenant("fabrikam")
    ann = factories.make_mailbox(factories.make_domain(other), "ann")
    for mailbox in (contoso.alice_mailbox, ann):
        send(mailbox, "x@elsewhere.example")
    figures.refresh_if_due()
    [incident] = grouped("error", QueueFilter())
    assert (incident.queues, incident.tenants, incident.deliveries) == (2, 2, 2)
    assert len(grouped("next_hop", incident.filter)) == 1
    assert [group.detail for group in grouped("tenant", QueueFilter(tenant="fabrikam"))] == ["fabrikam"]
    assert by_status() == [{"status": "unreachable", "queues": 2, "deliveries": 2}]
    assert by_destination("-deliveries", 5) == []


def test_a_tenant_sees_its_own_figures_and_writes_none(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    figures.refresh_if_due()
    with scope(factories.make_tenant("fabrikam")):
        assert not QueueFigures.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('postroom_web', 'transport_queuefigures', 'UPDATE')")
        assert cursor.fetchone() == (False,)
