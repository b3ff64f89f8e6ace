"""Finding queues and the messages in them: the same filters for console, API and command line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.problems import Problem
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.models import Delivery, Message, Queue
from transport.queue import listing
from transport.queue.figures import refresh_if_cheap
from transport.queue.filters import MessageFilters, QueueFilters
from transport.queue.listing import list_queues
from transport.queue.queued import list_messages

pytestmark = pytest.mark.django_db
NOW = timezone.now


@pytest.fixture
def waiting(contoso: Contoso) -> None:
    """Four queues: unreachable; in retry for an hour after an error; suspended; and one with two messages."""
    factories.make_send_connector(contoso.tenant, "*.example", name="Partners")
    send(contoso.alice_mailbox, "a@one.example")
    send(contoso.alice_mailbox, "b@two.example")
    send(contoso.bob_mailbox, "c@three.example")
    send(contoso.bob_mailbox, "c@three.example", "d@elsewhere.net")
    error = {"last_error_reason": "peer.greylist", "last_error_text": "Later", "last_error_at": NOW()}
    one = Queue.objects.filter(next_hop_domain="one.example")
    one.update(next_retry_at=NOW() + timedelta(hours=1), **error)
    Queue.objects.filter(next_hop_domain="two.example").update(suspended=True)
    Delivery.objects.filter(queue__in=one).update(state="retry", created_at=NOW() - timedelta(hours=2), **error)


QUEUES = [
    ({}, {"Unreachable Domain", "one.example", "three.example", "two.example"}),
    ({"next_hop": "one.example"}, {"one.example"}),
    ({"next_hop": "t*"}, {"two.example", "three.example"}),
    ({"status": "retry"}, {"one.example"}),
    ({"status": "suspended"}, {"two.example"}),
    ({"status": "ready"}, {"three.example"}),
    ({"status": "unreachable"}, {"Unreachable Domain"}),
    ({"delivery_type": "unreachable"}, {"Unreachable Domain"}),
    ({"reason": "peer.greylist"}, {"one.example"}),
    ({"reason": "none"}, {"two.example", "three.example"}),
    ({"min_messages": "2"}, {"three.example"}),
    ({"older_than": "90m"}, {"one.example"}),
    ({"older_than": "3h"}, set()),
    ({"status": "retry", "next_hop": "two.example"}, set()),
]


@pytest.mark.parametrize("many", [500, 0], ids=["few queues", "many queues"])
def test_queues_are_found_by_each_of_their_properties(
    waiting: None, contoso: Contoso, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_IS_BIG", listing._IS_BIG.replace("500", str(many)).replace("501", str(many + 1)))
    refresh_if_cheap()
    with scope(contoso.tenant):
        for given, wanted in QUEUES:
            found = list_queues(contoso.tenant.pk, filters=QueueFilters.of(given))
            assert {queue.next_hop_domain for queue in found} == wanted, given


def test_a_filtered_list_goes_on_behind_the_last_queue(waiting: None, contoso: Contoso) -> None:
    filters = QueueFilters(delivery_type="dns_connector_delivery")
    first = list_queues(contoso.tenant.pk, filters=filters, limit=2)
    last = (first[-1].next_hop_domain, first[-1].id)
    rest = list_queues(contoso.tenant.pk, filters=filters, after=last, limit=2)
    assert [queue.next_hop_domain for queue in (*first, *rest)] == ["one.example", "three.example", "two.example"]


MESSAGES = [
    ({}, 5),
    ({"sender": "alice@contoso.example"}, 2),
    ({"sender": "BOB*"}, 3),
    ({"sender": "@contoso.example"}, 5),
    ({"sender": "<>"}, 0),
    ({"recipient": "c@three.example"}, 2),
    ({"recipient": "@elsewhere.net"}, 1),
    ({"subject": "hi"}, 5),
    ({"subject": "_"}, 0),
    ({"state": "retry"}, 1),
    ({"state": "unreachable"}, 1),
    ({"reason": "peer.greylist"}, 1),
    ({"reason": "none"}, 3),
    ({"older_than": "1h"}, 1),
    ({"max_size": "1"}, 0),
    ({"min_size": "1", "max_size": "1k"}, 5),
    ({"min_size": "2M"}, 0),
    ({"redirected": "yes"}, 0),
]


def test_messages_are_found_by_each_of_their_properties(waiting: None, contoso: Contoso) -> None:
    with scope(contoso.tenant):
        for given, wanted in MESSAGES:
            entries, has_more = list_messages(contoso.tenant.pk, MessageFilters.of(given))
            assert (len(entries), has_more) == (wanted, False), given


def test_messages_of_another_tenant_are_not_found(waiting: None, contoso: Contoso) -> None:
    fabrikam = factories.make_tenant("fabrikam")
    with scope(fabrikam):
        assert list_messages(fabrikam.pk, MessageFilters(sender="alice@contoso.example")) == ([], False)
        assert list_queues(fabrikam.pk, filters=QueueFilters(status="retry")) == []
    assert Message.objects.count() == 4


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (QueueFilters, {"status": "asleep"}),
        (QueueFilters, {"delivery_type": "pigeon"}),
        (QueueFilters, {"reason": "because"}),
        (QueueFilters, {"min_messages": "many"}),
        (QueueFilters, {"older_than": "yesterday"}),
        (QueueFilters, {"next_hop": "x" * 201}),
        (MessageFilters, {"queue": "7"}),
        (MessageFilters, {"state": "lost"}),
        (MessageFilters, {"min_size": "big"}),
        (MessageFilters, {"subject": "a\0b"}),
        (MessageFilters, {"redirected": "perhaps"}),
    ],
)
def test_a_filter_that_makes_no_sense_names_its_field(
    kind: type[QueueFilters | MessageFilters], given: dict[str, str]
) -> None:
    with pytest.raises(Problem) as refused:
        kind.of(given)
    assert (refused.value.code, refused.value.field) == ("queue.bad_filter", next(iter(given)))
