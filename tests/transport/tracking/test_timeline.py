from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tenants.models import Tenant
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.message.reply import Reply
from transport.models import Delivery, EventId, Message, Queue, Source
from transport.routing.reasons import Action
from transport.tracking.events import Subject, event, insert_events
from transport.tracking.search import Filters, search
from transport.tracking.timeline import timeline

pytestmark = pytest.mark.django_db


def subject_of(message: Message) -> Subject:
    return Subject(message.pk, message.tenant_id, message.internet_message_id, message.sender, "Hi", 10, False)


def test_a_message_without_a_route_says_why_and_what_mends_it(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    with scope(contoso.tenant):
        entries = timeline(contoso.tenant.pk, message_id)
    assert [entry.event_id for entry in entries] == ["RECEIVE", "DEFER", "WAITING"]
    waiting = entries[-1]
    assert (waiting.is_current, waiting.state, waiting.reason) == (True, "unreachable", "route.no_connector")
    assert waiting.explanation is not None
    assert waiting.explanation.fixes[0].action == Action.CREATE_SEND_CONNECTOR
    assert "elsewhere.example" in waiting.explanation.text


def test_an_attempt_shows_the_peers_words_beside_ours(contoso: Contoso) -> None:
    message = Message.objects.get(pk=send(contoso.alice_mailbox, "bob@contoso.example"))
    detail = {"phase": "rcpt", "attempt": 2, "text": "451 4.4.0 Outer", "next_attempt_at": "2026-01-02T03:04:05+00:00"}
    told = event(
        subject_of(message),
        EventId.DEFER,
        Source.SMTP,
        ["bob@contoso.example"],
        endpoint="mx.example 192.0.2.1:25",
        reply=Reply(450, "4.7.1", "Greylisted"),
        reason="peer.greylist",
        detail=detail,
    )
    insert_events([told])
    entry = timeline(contoso.tenant.pk, message.pk)[-2]
    assert (str(entry.reply), entry.text) == ("450 4.7.1 Greylisted", "451 4.4.0 Outer")
    assert (entry.phase, entry.attempt, entry.next_attempt_at is not None) == ("rcpt", 2, True)
    assert entry.explanation is not None
    assert "mx.example" in entry.explanation.title


def test_what_waits_in_a_queue_that_nobody_reaches_shows_the_queues_error(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    retry_at = timezone.now() + timedelta(minutes=5)
    Queue.objects.update(
        next_retry_at=retry_at,
        last_error_code=451,
        last_error_text="Outer",
        last_error_peer_text="421 Busy",
        last_error_reason="peer.busy",
    )
    waiting = timeline(contoso.tenant.pk, message_id)[-1]
    assert (waiting.reason, str(waiting.next_attempt_at)) == ("peer.busy", str(retry_at))
    assert waiting.reply is not None
    assert (waiting.reply.text, waiting.text) == ("421 Busy", "451 Outer")


@pytest.mark.parametrize(
    ("state", "queue_suspended", "reason"),
    [
        ("ready", True, "queue.suspended"),
        ("suspended", False, "delivery.suspended"),
        ("poison", False, "queue.poison"),
        ("held", False, "delivery.held"),
        ("ready", False, ""),
    ],
)
def test_a_wait_has_its_reason(contoso: Contoso, state: str, queue_suspended: bool, reason: str) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    Delivery.objects.update(state=state)
    Queue.objects.update(suspended=queue_suspended)
    assert timeline(contoso.tenant.pk, message_id)[-1].reason == reason


def test_nobody_reads_a_strangers_story(contoso: Contoso) -> None:
    stranger = factories.make_tenant("fabrikam")
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    assert timeline(stranger.pk, message_id) == []
    assert search(stranger.pk, Filters()).events == []


def test_texts_of_strangers_can_be_logged_whatever_they_hold(contoso: Contoso) -> None:
    message = Message.objects.get(pk=send(contoso.alice_mailbox, "bob@contoso.example"))
    nasty = 'a"\\{},\0\ud800'
    insert_events(
        [
            event(
                subject_of(message),
                EventId.FAIL,
                Source.SMTP,
                [nasty],
                reply=Reply(550, None, nasty),
                detail={"x": nasty},
            )
        ]
    )
    entry = timeline(contoso.tenant.pk, message.pk)[-2]
    assert entry.recipients == ('a"\\{},?',)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), 6),
        (Filters(event_id="defer"), 1),
        (Filters(source="ROUTING"), 1),
        (Filters(sender="Alice@contoso.example"), 6),
        (Filters(recipient="x@elsewhere.example"), 2),
        (Filters(subject="h"), 6),
        (Filters(subject="nothing"), 0),
        (Filters(message_id="<1@contoso.example>"), 6),
        (Filters(end=timezone.now() - timedelta(days=1)), 0),
        (Filters(start=timezone.now() + timedelta(days=1)), 0),
    ],
)
def test_the_log_is_searched_by_exchanges_filters(contoso: Contoso, filters: Filters, found: int) -> None:
    send(contoso.alice_mailbox, "x@elsewhere.example")
    for _ in range(4):
        send(contoso.alice_mailbox, "bob@contoso.example")
    with scope(contoso.tenant):
        assert len(search(contoso.tenant.pk, filters).events) == found


def test_pages_follow_each_other_newest_first(contoso: Contoso) -> None:
    ids = [send(contoso.alice_mailbox, "bob@contoso.example") for _ in range(5)]
    first = search(contoso.tenant.pk, Filters(), limit=3)
    second = search(contoso.tenant.pk, Filters(), before=first.next_before, limit=3)
    assert [event.message_id for event in (*first.events, *second.events)] == ids[::-1]
    assert second.next_before is None


def test_commands_show_queues_and_stories(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    out = StringIO()
    call_command("trace", "<1@contoso.example>", stdout=out)
    call_command("queues", tenant="contoso", stdout=out)
    assert "WAITING QUEUE  x@elsewhere.example" in out.getvalue()
    assert "Unreachable Domain  unreachable  ready  1 messages" in out.getvalue()
    told, listed = StringIO(), StringIO()
    call_command("trace", str(message_id), json=True, stdout=told)
    call_command("queues", json=True, stdout=listed)
    assert json.loads(told.getvalue())[0]["entries"][-1]["reason"]["code"] == "route.no_connector"
    assert json.loads(listed.getvalue())[0]["tenant"] == "contoso"


def test_commands_say_what_they_do_not_know(contoso: Contoso) -> None:
    with pytest.raises(CommandError, match="no message"):
        call_command("trace", "<x@y>")
    with pytest.raises(CommandError, match="no tenant"):
        call_command("queues", tenant="nobody")
    assert Tenant.objects.count() == 1
