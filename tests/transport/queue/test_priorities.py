"""Interactive mail goes before bulk, and bulk is never quite forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tenants.models import Mailbox
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, send, with_flow
from transport.message.header import digest
from transport.models import Delivery, Queue, QueueFigures, SendConnector
from transport.queue import figures
from transport.queue.claim import LOW_SHARE, Claim, claim
from transport.queue.due import HANDICAP, pick_queues
from transport.queue.intake import MANY_RECIPIENTS, Arrival, TenantTerms, accept
from transport.queue.listing import find_queue
from transport.queue.submission import submit
from transport.routing.envelope import USER_RIGHTS, Client, Origin
from transport.routing.result import MAILBOX_HOP, RoutedMessage, RoutedRecipient, Routing
from transport.routing.trace import Trace

TENANT = uuid4()
TERMS = {TENANT: TenantTerms(1, timedelta(days=2), timedelta(hours=4))}


def priorities(fields: str = "", *, recipients: int = 1, sender: str = "a@x.example", origin: Origin) -> set[int]:
    """Return the priorities of what an accepted message becomes."""
    content = f"From: <a@x.example>\r\n{fields}\r\nHi\r\n".encode()
    routed = tuple(RoutedRecipient(f"b{n}@x.example", f"b{n}@x.example", MAILBOX_HOP) for n in range(recipients))
    arrival = Arrival(sender, Client(origin, TENANT, uuid4()), datetime.now(UTC))
    routing = Routing((RoutedMessage(TENANT, False, routed),), (), Trace())
    (accepted,) = accept(arrival, content, digest(content), routing, TERMS)
    return {row.priority for row in accepted.deliveries}


@pytest.mark.parametrize(
    "fields",
    [
        "Precedence: bulk\r\n",
        "precedence: LIST (of many)\r\n",
        "Precedence: junk\r\n",
        "List-Id: News <news.x.example>\r\n",
        "X-Priority: 5 (Lowest)\r\n",
        "X-Priority: 4\r\n",
        "Priority: non-urgent\r\n",
    ],
)
def test_what_calls_itself_bulk_is_low(fields: str) -> None:
    assert priorities(fields, origin=Origin.SUBMISSION) == {Delivery.Priority.LOW}


@pytest.mark.parametrize(
    "fields", ["", "X-Priority: 1 (Highest)\r\n", "X-Priority: 3\r\n", "Priority: urgent\r\n", "Precedence: first\r\n"]
)
def test_everything_else_is_normal(fields: str) -> None:
    assert priorities(fields, origin=Origin.SUBMISSION) == {Delivery.Priority.NORMAL}


def test_a_letter_to_very_many_is_low_and_a_notice_never() -> None:
    assert priorities(recipients=MANY_RECIPIENTS, origin=Origin.SUBMISSION) == {Delivery.Priority.NORMAL}
    assert priorities(recipients=MANY_RECIPIENTS + 1, origin=Origin.SUBMISSION) == {Delivery.Priority.LOW}
    assert priorities("Precedence: bulk\r\n", origin=Origin.NOTICE) == {Delivery.Priority.NORMAL}
    assert priorities("Precedence: bulk\r\n", sender="", origin=Origin.ANONYMOUS) == {Delivery.Priority.NORMAL}


def send_bulk(mailbox: Mailbox, *recipients: str) -> None:
    content = b"From: <alice@contoso.example>\r\nSubject: News\r\nPrecedence: bulk\r\n\r\nHi\r\n"
    client = Client(Origin.CONSOLE, mailbox.tenant_id, mailbox.pk, rights=USER_RIGHTS)
    with transaction.atomic():
        submit(client=client, sender=str(mailbox.primary_address), recipients=recipients, content=content)


def claimed(limit: int) -> list[str]:
    queue_id = Queue.objects.get().pk
    batch: Claim = with_flow(claim, queue_id, limit)
    return sorted(one.recipient.partition("@")[0] for message in batch.messages for one in message.deliveries)


class TestInAQueue:
    pytestmark = WITH_WORKERS

    def test_normal_is_claimed_before_low_that_came_earlier_and_low_keeps_a_share(
        self, contoso: Contoso, to_peer: SendConnector
    ) -> None:
        send_bulk(contoso.alice_mailbox, *(f"low{n}@elsewhere.example" for n in range(LOW_SHARE)))
        send(contoso.alice_mailbox, *(f"normal{n}@elsewhere.example" for n in range(2 * LOW_SHARE)))
        first = claimed(LOW_SHARE)
        assert [name.rstrip("0123456789") for name in first] == ["low", *["normal"] * (LOW_SHARE - 1)]
        second = claimed(2 * LOW_SHARE)
        assert sum(name.startswith("normal") for name in second) == LOW_SHARE + 1
        assert len(second) == 2 * LOW_SHARE  # what normal does not need, low has
        assert set(first).isdisjoint(second)
        assert claimed(LOW_SHARE) == []

    def test_a_letter_overtakes_a_mailing_on_its_way_to_the_same_host(
        self, contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
    ) -> None:
        for n in range(2 * LOW_SHARE):
            send_bulk(contoso.alice_mailbox, f"low{n}@elsewhere.example")
        send(contoso.alice_mailbox, "letter@elsewhere.example")
        # One connection, so that the order on the wire is that of the claims.
        SendConnector.objects.update(max_messages_per_connection=LOW_SHARE, max_connections_per_host=1)
        deliver()
        names = [message.rcpts[0] for message in peer.messages]
        assert len(names) >= LOW_SHARE
        assert any("letter@" in name for name in names[:LOW_SHARE])

    def test_a_queue_of_bulk_alone_comes_after_one_with_letters_but_not_for_ever(self, contoso: Contoso) -> None:
        for name in ("bulk.example", "letters.example"):
            factories.make_send_connector(contoso.tenant, name, smart_hosts=[(f"mx.{name}", 25)])
        send_bulk(contoso.alice_mailbox, "x@bulk.example")
        send(contoso.alice_mailbox, "x@letters.example")
        assert first_picked() == "mx.letters.example"
        past = timezone.now() - HANDICAP - timedelta(seconds=5)
        Delivery.objects.filter(recipient="x@bulk.example").update(next_attempt_at=past)
        assert first_picked() == "mx.bulk.example"

    def test_the_claim_reads_no_more_of_a_long_queue_than_it_takes(
        self, contoso: Contoso, to_peer: SendConnector
    ) -> None:
        """PF5: thousands of bulk mail before it are not read to find a letter."""
        send_bulk(contoso.alice_mailbox, "low@elsewhere.example")
        queue = Queue.objects.get()
        with connection.cursor() as cursor:
            cursor.execute(COPIES, [5_000])
            cursor.execute("ANALYZE transport_delivery")
        send(contoso.alice_mailbox, "letter@elsewhere.example")
        assert "letter" in claimed(10)
        assert Delivery.objects.filter(queue=queue, state="active").count() == 10


COPIES = """
INSERT INTO transport_delivery (id, tenant_id, message_id, queue_id, recipient, original_recipient, notify, state,
  priority, config_version, created_at, next_attempt_at, expires_at, attempts, crashes, last_error_enhanced,
  last_error_text, last_error_reason, last_error_peer_text, last_error_phase, last_error_endpoint)
SELECT gen_random_uuid(), tenant_id, message_id, queue_id, 'low' || n || '@elsewhere.example', '', '', 'ready',
  priority, config_version, created_at, next_attempt_at, expires_at, 0, 0, '', '', '', '', '', ''
FROM transport_delivery, generate_series(1, %s) AS n
"""


def first_picked() -> str:
    Queue.objects.update(connecting_until=None)
    picked: list[Any] = with_flow(pick_queues, limit=1, share=10)
    return str(picked[0].next_hop_domain)


@pytest.mark.django_db
def test_counts_by_priority_are_in_the_figures_and_the_queue(contoso: Contoso) -> None:
    send_bulk(contoso.alice_mailbox, "x@elsewhere.example", "y@elsewhere.example")
    send(contoso.alice_mailbox, "z@elsewhere.example")
    figures.refresh_if_due()
    row = QueueFigures.objects.get()
    assert (row.deliveries, row.low) == (3, 2)
    listed = find_queue(contoso.tenant.pk, row.queue_id)
    assert listed is not None
    assert listed.priorities == {"normal": 1, "low": 2}
