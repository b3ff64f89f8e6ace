from __future__ import annotations

import pytest
from django.test import Client

from tenants.actions.actor import Actor
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.actions.send import send_message
from transport.models import Delivery
from transport.routing.envelope import Origin


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, True),
        ({"sender": "alice@contoso.example"}, True),
        ({"sender": "bob@contoso.example"}, False),
        ({"recipient": "someone@elsewhere.example", "event_id": "DEFER"}, True),
        ({"subject": "hello"}, True),
        ({"subject": "100%"}, False),
        ({"event_id": "FAIL"}, False),
        ({"message_id": "<nothing@x.example>"}, False),
        ({"period": "nonsense"}, True),
    ],
)
def test_the_log_is_searched(waiting: Delivery, as_alice: Client, query: dict[str, str], found: bool) -> None:
    assert ("Hello there" in page(as_alice.get("/tracking/", query))) == found


def test_the_story_tells_what_happened_and_what_it_waits_for(waiting: Delivery, as_alice: Client) -> None:
    text = page(as_alice.get(f"/tracking/{waiting.message_id}/"))
    assert "RECEIVE STOREDRIVER" in text
    assert "DEFER ROUTING" in text
    assert "Waits as unreachable for someone@elsewhere.example" in text
    assert 'action="/send-connectors/internet/"' in text
    assert 'hx-trigger="every 1s"' in text


def test_a_story_that_has_ended_is_not_asked_for_again(waiting: Delivery, as_alice: Client) -> None:
    waiting.delete()
    assert "hx-trigger" not in page(as_alice.get(f"/tracking/{waiting.message_id}/"))


def test_a_story_of_hundreds_is_told_in_short(contoso: Contoso, as_alice: Client) -> None:
    for number in range(40):
        factories.make_send_connector(contoso.tenant, f"q{number}.example", smart_hosts=[("192.0.2.1", 25)])
    with scope(contoso.tenant):
        sent = send_message(
            actor=Actor.user(contoso.alice),
            tenant=contoso.tenant,
            mailbox=contoso.alice_mailbox,
            content=b"From: alice@contoso.example\r\nSubject: Many\r\n\r\nHello\r\n",
            sender="alice@contoso.example",
            recipients=[f"p{number}@q{number % 40}.example" for number in range(200)],
            origin=Origin.CONSOLE,
        )
    path = f"/tracking/{sent.message_id}/"
    whole, part = page(as_alice.get(path)), page(as_alice.get(path, headers={"HX-Request": "true"}))
    assert "It waits in 35 more queues" in whole
    assert "40 were considered" in whole
    assert len(whole) < 200_000
    assert len(part) < 50_000


def test_the_answer_is_announced_when_it_is_there(waiting: Delivery, contoso: Contoso, as_alice: Client) -> None:
    path = f"/tracking/{waiting.message_id}/?answer_from=echo@fabrikam.example"
    assert "The answer is here" not in page(as_alice.get(path))
    factories.make_letter(contoso.alice_mailbox, b"\r\n", from_header="Echo <echo@fabrikam.example>")
    assert "The answer is here" in page(as_alice.get(path))


def test_a_mailbox_user_sees_the_stories_of_their_own_mail_only(
    waiting: Delivery, contoso: Contoso, as_bob: Client
) -> None:
    path = f"/tracking/{waiting.message_id}/"
    assert as_bob.get(path).status_code == 404
    factories.make_letter(contoso.bob_mailbox, b"\r\n", message_id=waiting.message_id)
    assert "Hello there" in page(as_bob.get(path))
