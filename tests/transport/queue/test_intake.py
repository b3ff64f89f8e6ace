from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection

from transport.message.header import digest
from transport.models import Delivery, Message, MessageBody, Queue, TrackingEvent, queue_id_for
from transport.queue.intake import Accepted, Arrival, RecipientOptions, TenantTerms, TraceHeader, accept, store
from transport.routing.envelope import Client, Origin, anonymous_client
from transport.routing.result import MAILBOX_HOP, UNREACHABLE_HOP, RoutedMessage, RoutedRecipient, Routing
from transport.routing.trace import StepKind, Trace, Verdict

CONTOSO, FABRIKAM = uuid4(), uuid4()
CONTENT = b"Message-ID: <1@a.example>\r\nSubject: Hello\r\nFrom: Ann <ann@contoso.example>\r\n\r\nHi\r\n"
TERMS = TenantTerms(7, timedelta(days=2), timedelta(hours=4))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOB = RoutedRecipient("bob@contoso.example", "bob@contoso.example", MAILBOX_HOP, mailbox_id=uuid4())
ALIAS = RoutedRecipient("robert@contoso.example", "bob@contoso.example", MAILBOX_HOP, mailbox_id=BOB.mailbox_id)
STUCK = RoutedRecipient("x@y.example", "x@y.example", UNREACHABLE_HOP, reason_code="route.no_connector")
CARL = RoutedRecipient("carl@fabrikam.example", "carl@fabrikam.example", MAILBOX_HOP, mailbox_id=uuid4())


def arrival(tenant: UUID | None = CONTOSO, **fields: object) -> Arrival:
    client = anonymous_client("Default", "192.0.2.1")
    if tenant:
        client = Client(Origin.SUBMISSION, tenant, uuid4(), "Client", "192.0.2.1")
    return Arrival("ann@contoso.example", client, NOW, helo="client.example", **fields)  # type: ignore[arg-type]


def taken(*parts: RoutedMessage, trace: Trace | None = None, given: Arrival | None = None) -> tuple[Accepted, ...]:
    routing = Routing(parts, (), trace or Trace())
    return accept(given or arrival(), CONTENT, digest(CONTENT), routing, {CONTOSO: TERMS, FABRIKAM: TERMS})


def test_a_recipient_becomes_a_ready_delivery_in_the_queue_of_its_next_hop() -> None:
    (accepted,) = taken(RoutedMessage(CONTOSO, False, (BOB,)))
    (delivery,), (queue,) = accepted.deliveries, accepted.queues
    assert queue.id == queue_id_for(CONTOSO, "smtp_delivery_to_mailbox", "Mailboxes", None) == delivery.queue_id
    assert (delivery.state, delivery.config_version, delivery.mailbox_id) == ("ready", 7, BOB.mailbox_id)
    assert delivery.expires_at == NOW + timedelta(days=2)
    assert delivery.delay_notice_at == NOW + timedelta(hours=4)
    assert [event.event_id for event in accepted.events] == ["RECEIVE"]


def test_a_recipient_without_a_route_waits_with_its_reason() -> None:
    (accepted,) = taken(RoutedMessage(CONTOSO, False, (STUCK,)))
    assert accepted.deliveries[0].state == "unreachable"
    assert accepted.queues[0].next_hop_domain == "Unreachable Domain"
    assert [(e.event_id, e.source, e.reason) for e in accepted.events] == [
        ("RECEIVE", "SMTP", ""),
        ("DEFER", "ROUTING", "route.no_connector"),
    ]


def test_a_rewritten_address_is_told_and_kept_as_the_original_recipient() -> None:
    (accepted,) = taken(RoutedMessage(CONTOSO, False, (ALIAS,)))
    assert accepted.deliveries[0].original_recipient == "rfc822;robert@contoso.example"
    assert [e.event_id for e in accepted.events] == ["RECEIVE", "RESOLVE"]


def test_events_of_one_message_sort_by_id_as_they_happened() -> None:
    (accepted,) = taken(RoutedMessage(CONTOSO, False, (ALIAS, STUCK)))
    ids = [event.id for event in accepted.events]
    assert ids == sorted(ids)
    assert all(identifier.version == 7 for identifier in [accepted.id, *ids])


def test_a_sender_with_foreign_recipients_only_gets_a_message_that_was_handed_over() -> None:
    own, other = taken(RoutedMessage(FABRIKAM, True, (CARL,)))
    assert (own.message.tenant_id, own.body, own.deliveries) == (CONTOSO, None, ())
    assert [(e.event_id, e.reference) for e in own.events] == [("RECEIVE", ""), ("TRANSFER", str(other.id))]
    assert other.message.tenant_id == FABRIKAM


def test_another_tenant_learns_nothing_about_the_senders_client() -> None:
    trace = Trace()
    trace.add(StepKind.SENDER, "ann@contoso.example", Verdict.ACCEPTED, "Hidden.", part=CONTOSO)
    trace.add(StepKind.RECIPIENT, "bcc@contoso.example", Verdict.RESOLVED, "Hidden.", part=CONTOSO)
    trace.add(StepKind.RECIPIENT, CARL.original, Verdict.HANDED_OVER, "Told.", part=FABRIKAM)
    _, other = taken(RoutedMessage(CONTOSO, False, (BOB,)), RoutedMessage(FABRIKAM, True, (CARL,)), trace=trace)
    assert other.message.client_address is None
    assert other.message.client_name == other.message.receive_connector == ""
    assert other.message.mailbox_id is None
    assert other.message.trace is not None
    assert "Hidden" not in other.message.trace
    assert "Told" in other.message.trace


@pytest.mark.parametrize(
    ("sender", "notify", "told"),
    [
        ("a@b.example", "", True),
        ("", "", False),
        ("a@b.example", "NEVER", False),
        ("a@b.example", "FAILURE,DELAY", True),
    ],
)
def test_a_delay_is_told_only_to_those_who_want_to_know(sender: str, notify: str, told: bool) -> None:
    options = {BOB.original: RecipientOptions(notify)}
    given = Arrival(sender, anonymous_client(), NOW, recipients=options)
    (accepted,) = taken(RoutedMessage(CONTOSO, True, (BOB,)), given=given)
    assert (accepted.deliveries[0].delay_notice_at is not None) is told


def test_our_received_field_goes_on_top_of_the_bytes() -> None:
    given = arrival(None, trace_header=TraceHeader("mail.contoso.example", "ESMTP"))
    (accepted,) = taken(RoutedMessage(CONTOSO, True, (BOB,)), given=given)
    assert accepted.body is not None
    assert accepted.body.content.endswith(b"\r\n" + CONTENT)
    assert accepted.body.content.startswith(b"Received: from client.example (unknown [192.0.2.1])\r\n\tby mail.")
    assert accepted.message.size == len(accepted.body.content)


@pytest.mark.django_db
def test_a_batch_is_stored_as_it_was_accepted() -> None:
    first = taken(RoutedMessage(CONTOSO, False, (ALIAS, STUCK)), RoutedMessage(FABRIKAM, True, (CARL,)))
    second = taken(RoutedMessage(CONTOSO, True, (BOB,)), given=arrival(None))
    store(connection, [*first, *second])
    store(connection, taken(RoutedMessage(CONTOSO, False, (BOB,))))
    assert Message.objects.count() == 4
    assert Queue.objects.count() == 3
    assert MessageBody.objects.filter(tenant_id=CONTOSO).first() is not None
    delivery = Delivery.objects.get(state="unreachable")
    assert (delivery.recipient, delivery.last_error_reason) == ("x@y.example", "route.no_connector")
    event = TrackingEvent.objects.get(event_id="RESOLVE")
    assert (event.recipients, event.detail) == (["bob@contoso.example"], {"original": "robert@contoso.example"})
    message = Message.objects.get(pk=second[0].id)
    assert (message.subject, message.received_at, message.client_address) == ("Hello", NOW, "192.0.2.1")


@pytest.mark.django_db
def test_odd_characters_cost_no_commit() -> None:
    odd = RoutedRecipient('"a\\"b,{}\x00"@y.example', '"a\\"b,{}\x00"@y.example', UNREACHABLE_HOP, reason_code="x")
    trace = Trace()
    trace.add(StepKind.RECIPIENT, odd.original, Verdict.WAITING, "\ud800 \x00 {x}", {"x": "\x00\udfff"})
    store(connection, taken(RoutedMessage(CONTOSO, False, (odd,)), trace=trace))
    assert TrackingEvent.objects.get(event_id="DEFER").recipients == ['"a\\"b,{}"@y.example']
