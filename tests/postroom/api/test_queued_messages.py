"""`queued-messages/`: every waiting message is on exactly one page, and a page costs what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from postroom.api.v1 import queued_messages
from tenants.models import AuditEvent
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of
from tests.transport.workers import send
from transport.models import Delivery
from transport.queue import queued

pytestmark = pytest.mark.django_db


def entries(api: Program, **query: str) -> Iterator[dict[str, Any]]:
    page = api.get("queued-messages/", **query).json()
    while True:
        yield from page["results"]
        if page["next"] is None:
            return
        page = api.client.get(page["next"], headers=api.headers).json()


@pytest.fixture
def waiting(contoso: Contoso, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five messages, each to people behind three next hops, on pages of two."""
    factories.make_send_connector(contoso.tenant, "*", enabled=False)
    factories.make_send_connector(contoso.tenant, "*.example", name="Partners")
    monkeypatch.setattr(queued_messages, "PAGE", 2)
    for _ in range(5):
        send(contoso.alice_mailbox, "a@one.example", "b@one.example", "c@two.example", "d@elsewhere.net")


@pytest.mark.parametrize("most", [2_000, 3])
def test_every_message_is_on_one_page_with_all_its_recipients(
    waiting: None, api: Program, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(queued, "RECIPIENTS", most)
    found = [*entries(api)]
    assert len({entry["id"] for entry in found}) == len(found) == 15
    assert sum(len(entry["recipients"]) for entry in found) == Delivery.objects.count() == 20
    assert [entry["message_id"] for entry in found] == sorted((entry["message_id"] for entry in found), reverse=True)


def test_the_list_of_one_queue_goes_on_within_it(waiting: None, api: Program) -> None:
    queue = Delivery.objects.filter(recipient="c@two.example").values_list("queue_id", flat=True)[0]
    found = [*entries(api, queue=str(queue))]
    assert [[one["recipient"] for one in entry["recipients"]] for entry in found] == [["c@two.example"]] * 5


def test_a_page_asks_as_much_for_one_as_for_many(
    waiting: None, api: Program, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(queued_messages, "PAGE", 100)
    with django_assert_max_num_queries(18):
        assert len(api.get("queued-messages/").json()["results"]) == 15


def test_a_cursor_that_is_none_is_told(api: Program) -> None:
    assert api.get("queued-messages/", cursor="nonsense").status_code == 400


def test_a_message_is_redirected_and_comes_back(contoso: Contoso, api: Program) -> None:
    send(contoso.alice_mailbox, "x@elsewhere.example")
    (entry,) = api.get("queued-messages/").json()["results"]
    moved = api.post(f"queued-messages/{entry['id']}/redirect/", {"smart_host": "relay.fabrikam.example"})
    assert (moved.status_code, moved.json()["next_hop_domain"]) == (200, "relay.fabrikam.example")
    assert moved.json()["recipients"][0]["redirected"]
    again = api.post(f"queues/{moved.json()['queue_id']}/redirect/", {"smart_host": "[192.0.2.9]:587"})
    assert again.status_code == 400, "reserved for documentation: nobody is made to connect there"
    assert api.post(f"queued-messages/{moved.json()['id']}/undo-redirect/").status_code == 200
    assert not Delivery.objects.get().is_redirected


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("helpdesk", 403), ("auditor", 403)])
def test_what_people_wrote_is_exported_by_those_who_may(contoso: Contoso, role: str, status: int) -> None:
    send(contoso.alice_mailbox, "x@elsewhere.example")
    program = program_of(contoso.tenant, role)
    entry = program.get("queued-messages/").json()["results"][0]
    assert program.get(f"queued-messages/{entry['id']}/source/").status_code == status
    assert AuditEvent.objects.filter(action="message.export").count() == (1 if status == 200 else 0)


def test_lists_are_narrowed_and_the_next_page_is_narrowed_too(waiting: None, api: Program) -> None:
    found = [*entries(api, recipient="@two.example")]
    assert len(found) == 5
    assert {entry["next_hop_domain"] for entry in found} == {"two.example"}
    queues = api.get("queues/", next_hop="*", delivery_type="dns_connector_delivery").json()["results"]
    assert [queue["next_hop_domain"] for queue in queues] == ["one.example", "two.example"]
    answer = api.get("queues/", status="asleep")
    assert (answer.status_code, answer.json()["code"], [*answer.json()["errors"]]) == (
        400,
        "queue.bad_filter",
        ["status"],
    )
