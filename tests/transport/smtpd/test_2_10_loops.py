"""2.10: mail that comes back to us goes round a few times at most, and its sender hears of it once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Server
from tests.transport.workers import deliver, send
from transport.models import Delivery, MailboxMessage, Message, ReceiveConnector, TrackingEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed")]
ROUNDS = 30


def go_round() -> int:
    """Deliver until nothing is left. Return how often it took."""
    for count in range(1, ROUNDS + 1):
        deliver()
        if not Delivery.objects.exists():
            return count
    pytest.fail("it goes round for ever")


def under_another_name(connectors: dict[str, ReceiveConnector], server: Server) -> None:
    """Let the listener greet with a name by which a sender does not know it for ours."""
    ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(fqdn="mx.another.example")
    server.reload()


def test_2_10_a_connector_to_our_own_listener_is_found_out_by_its_greeting(alice: Contoso, server: Server) -> None:
    factories.make_send_connector(alice.tenant, smart_hosts=[("127.0.0.1", server.ports["smtp"])])
    message_id = send(alice.alice_mailbox, "x@elsewhere.example")
    go_round()
    failure = TrackingEvent.objects.get(message_id=message_id, event_id="FAIL")
    assert (failure.enhanced, failure.reason) == ("5.4.6", "hop.loops_to_us")
    assert [letter.subject for letter in MailboxMessage.objects.all()] == ["Undeliverable: Hi"]


@pytest.mark.slow
def test_2_10_a_listener_under_another_name_ends_it_by_counting_how_often_it_saw_the_message(
    alice: Contoso, connectors: dict[str, ReceiveConnector], server: Server
) -> None:
    factories.make_receive_connector(
        alice.tenant, name="Relay", remote_ranges=["127.0.0.1/32"], approved_at=timezone.now()
    )
    under_another_name(connectors, server)
    factories.make_send_connector(alice.tenant, smart_hosts=[("127.0.0.1", server.ports["smtp"])])
    send(alice.alice_mailbox, "x@elsewhere.example")
    go_round()
    failure = TrackingEvent.objects.get(event_id="FAIL")
    assert (failure.code, failure.enhanced, failure.reason) == (554, "5.4.6", "peer.loop")
    # Eight times by the name of the listener that took it, and once before.
    assert Message.objects.exclude(sender="").count() <= 10
    assert [letter.subject for letter in MailboxMessage.objects.all()] == ["Undeliverable: Hi"]


@pytest.mark.slow
def test_2_10_from_tenant_to_tenant_and_back_again_is_one_notice(
    alice: Contoso, connectors: dict[str, ReceiveConnector], server: Server
) -> None:
    """A domain of fabrikam's is handed on to contoso's way in, which finds it to be fabrikam's."""
    fabrikam = factories.make_tenant("fabrikam")
    factories.make_domain(fabrikam, "fabrikam.example", type="internal_relay")
    under_another_name(connectors, server)
    factories.make_send_connector(fabrikam, smart_hosts=[("127.0.0.1", server.ports["smtp"])])
    send(alice.alice_mailbox, "x@fabrikam.example")
    go_round()
    failure = TrackingEvent.objects.get(event_id="FAIL", source="SMTP")
    assert (failure.tenant_id, failure.enhanced) == (fabrikam.pk, "5.4.6")
    assert [letter.subject for letter in MailboxMessage.objects.all()] == ["Undeliverable: Hi"]


def test_2_10_a_hundred_and_twenty_hops_are_too_many_whatever_the_connector(
    limited: Callable[..., Server],
) -> None:
    with limited(max_hop_count=100).connect() as client:
        client.ehlo()
        hops = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 120
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(hops + CONTENT).startswith("554 5.4.6")
