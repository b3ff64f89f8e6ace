"""The kept figures say what the queues hold, and cost next to nothing to look at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tenants.models import Mailbox
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.models import Delivery, Queue, QueueFigures, RollUp
from transport.queue import figures
from transport.queue.across import Incident, QueueFilter, by_destination, by_status, grouped
from transport.queue.across import figures as figures_of

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


def failing(mailbox: Mailbox, domain: str, reason: str, words: str, minutes: int, host: str) -> None:
    """Put a message into a queue of its own that has failed so, `minutes` ago."""
    message_id = send(mailbox, f"x@{domain}")
    at = timezone.now() - timedelta(minutes=minutes)
    Queue.objects.filter(deliveries__message_id=message_id).update(
        last_error_reason=reason, last_error_peer_text=words, last_error_at=at, last_error_endpoint=host
    )


def test_the_same_words_about_many_domains_and_tenants_from_many_servers_are_one_incident(contoso: Contoso) -> None:
    other = factories.make_tenant("fabrikam")
    ann = factories.make_mailbox(factories.make_domain(other), "ann")
    for tenant in (contoso.tenant, other):
        factories.make_send_connector(tenant)
    limited = "421 4.7.28 [192.0.2.{0} 15] mx{0}.peer.example: Unusual rate of mail from <a{0}@x.example>"
    for number, mailbox in ((0, contoso.alice_mailbox), (1, contoso.alice_mailbox), (1, ann)):
        told = limited.format(number)
        failing(
            mailbox, f"d{number}.example", "peer.rate_limited", told, 10 - number, f"mx{number} 192.0.2.{number}:25"
        )
    failing(ann, "d0.example", "peer.rate_limited", "450 4.7.1 Another matter", 3, "mx0 192.0.2.0:25")
    figures.refresh_if_due()
    first, second = grouped("error", QueueFilter())
    assert isinstance(first, Incident)
    assert (first.queues, first.tenants, first.domains, first.endpoints) == (3, 2, 2, 2)
    assert (first.detail, first.label) == (limited.format(1), "")
    assert first.since is not None
    assert first.last_at is not None
    assert first.since < first.last_at
    assert (second.detail, second.label) == ("450 4.7.1 Another matter", "mx0 192.0.2.0:25")
    assert {row.next_hop_domain for row in figures_of(first.filter)} == {"d0.example", "d1.example"}


def test_an_incident_begins_with_its_first_error_and_ends_with_another_reason(contoso: Contoso) -> None:
    failing_at = timezone.now() - timedelta(hours=1)
    send(contoso.alice_mailbox, "bob@contoso.example")
    begun = {"last_error_reason": "peer.busy", "last_error_at": failing_at}
    for error, since in (
        (begun, failing_at),
        (begun | {"last_error_at": failing_at + timedelta(minutes=9)}, failing_at),
        ({"last_error_reason": "peer.tls", "last_error_at": failing_at + timedelta(minutes=20)}, None),
        ({"last_error_reason": "", "last_error_at": None}, None),
    ):
        Queue.objects.update(**error)
        figures.refresh_if_cheap()
        expected = since or error["last_error_at"]
        assert QueueFigures.objects.get().since == expected


def test_a_tenant_sees_its_own_figures_and_writes_none(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    figures.refresh_if_due()
    with scope(factories.make_tenant("fabrikam")):
        assert not QueueFigures.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('postroom_web', 'transport_queuefigures', 'UPDATE')")
        assert cursor.fetchone() == (False,)
