"""Mail in and out by the hour, summed up once from the tracking log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.conftest import Contoso
from tests.transport.workers import send
from transport.models import EventId, PlatformTraffic, RollUp, Source, TrackingEvent, Traffic
from transport.tracking.events import Subject, event, insert_events
from transport.tracking.traffic import FORGOTTEN, forget, sum_up

pytestmark = pytest.mark.django_db
AT_ONCE = timedelta(seconds=-1)


@pytest.fixture(autouse=True)
def empty_log(db: None) -> None:
    """Start from nothing: the log's partitions outlive the clearing up after tests that commit."""
    TrackingEvent.objects.all().delete()


def add(contoso: Contoso, event_id: EventId, recipients: int, *, incoming: bool = False) -> None:
    message = Subject(contoso.tenant.pk, contoso.tenant.pk, "<1@x>", "a@x.example", "Hi", 100, incoming)
    insert_events([event(message, event_id, Source.SMTP, [f"{at}@x.example" for at in range(recipients)])])


def test_events_are_summed_up_once(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    add(contoso, EventId.RECEIVE, 1, incoming=True)
    add(contoso, EventId.SEND, 3)
    assert sum_up(settled=AT_ONCE) == 1
    assert sum_up(settled=AT_ONCE) == 0
    RollUp.objects.update(mark=TrackingEvent.objects.latest("id").pk)  # not a second ahead of now, as this test asked
    row = Traffic.objects.get()
    assert (row.tenant_id, row.submitted, row.received, row.sent, row.failed) == (contoso.tenant.pk, 1, 1, 3, 0)
    add(contoso, EventId.FAIL, 2)
    sum_up(settled=AT_ONCE)
    row.refresh_from_db()
    assert (row.sent, row.failed) == (3, 2)
    assert PlatformTraffic.objects.get().failed == 2


def test_what_may_still_be_joined_by_an_older_event_waits(contoso: Contoso) -> None:
    add(contoso, EventId.SEND, 1)
    assert sum_up() == 0
    assert sum_up(timezone.now() + timedelta(minutes=2)) == 1


def test_old_hours_go(contoso: Contoso) -> None:
    add(contoso, EventId.SEND, 1)
    sum_up(settled=AT_ONCE)
    forget(timezone.now() + timedelta(days=32))
    assert not Traffic.objects.exists()
    assert [row.hour for row in PlatformTraffic.objects.all()] == [FORGOTTEN]  # where the sums are kept
