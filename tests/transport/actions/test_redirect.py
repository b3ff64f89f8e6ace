"""Redirecting what waits: it goes where it was sent, stays with that way, and comes back."""

from __future__ import annotations

import pytest

from tenants.actions.actor import SYSTEM
from tenants.models import AuditEvent
from tenants.problems import Problem
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send, with_flow
from transport.actions.queue import retry_queue, suspend_message
from transport.actions.redirect import Target, find_target, redirect_message, redirect_queue, undo_redirect
from transport.actions.send_connectors import change_send_connector, delete_send_connector
from transport.models import Delivery, Message, Queue, SendConnector, TrackingEvent
from transport.queue.reconfigure import reroute_tenant
from transport.queue.sweep import route_again_once
from transport.tracking.timeline import timeline

pytestmark = WITH_WORKERS
ELSEWHERE = "x@elsewhere.example"


@pytest.fixture
def message(contoso: Contoso) -> Message:
    """A message that waits as unreachable."""
    return Message.objects.get(pk=send(contoso.alice_mailbox, ELSEWHERE))


@pytest.fixture
def unused(contoso: Contoso, peer: StubSmtp) -> SendConnector:
    """A connector to the peer that routing would not choose."""
    return factories.make_send_connector(
        contoso.tenant, "other.example", name="Other", smart_hosts=[("127.0.0.1", peer.endpoint.port)]
    )


def by(connector: SendConnector) -> Target:
    return find_target(tenant_id=connector.tenant_id, connector_id=connector.pk)


def to(peer: StubSmtp, contoso: Contoso) -> Target:
    return find_target(tenant_id=contoso.tenant.pk, smart_host=f"127.0.0.1:{peer.endpoint.port}")


def queue_of(recipient: str = ELSEWHERE) -> Queue:
    return Queue.objects.get(pk=Delivery.objects.get(recipient=recipient).queue_id)


def test_a_message_goes_by_the_connector_it_is_redirected_to(
    contoso: Contoso, message: Message, peer: StubSmtp, unused: SendConnector
) -> None:
    with scope(contoso.tenant):
        target = find_target(tenant_id=contoso.tenant.pk, connector_id=unused.pk)
        assert redirect_message(actor=SYSTEM, message=message, target=target) == 1
    deliver()
    assert [one.rcpts for one in peer.messages] == [[f"RCPT TO:<{ELSEWHERE}>"]]
    assert events_of(message.pk)[-2:] == [("REDIRECT", "ADMIN"), ("SEND", "SMTP")]
    told = next(one for one in timeline(contoso.tenant.pk, message.pk) if one.event_id == "REDIRECT")
    assert told.explanation is not None
    assert told.explanation.title == "An administrator redirected it to Other"
    event = AuditEvent.objects.get(action="message.redirect")
    assert event.after == {"queue": None, "recipients": 1, "send_connector": str(unused.pk), "name": "Other"}


def test_a_queue_goes_to_a_server_without_a_connector(contoso: Contoso, message: Message, peer: StubSmtp) -> None:
    target = to(peer, contoso)
    assert redirect_queue(actor=SYSTEM, queue=queue_of(), target=target) == 1
    queue = queue_of()
    assert (queue.next_hop_domain, queue.connector_id) == (f"[127.0.0.1]:{peer.endpoint.port}", None)
    deliver()
    assert len(peer.messages) == 1
    assert not Delivery.objects.exists()


def test_routing_again_leaves_it_where_it_was_redirected_to(
    contoso: Contoso, message: Message, peer: StubSmtp, unused: SendConnector
) -> None:
    redirect_message(
        actor=SYSTEM, message=message, target=find_target(tenant_id=contoso.tenant.pk, connector_id=unused.pk)
    )
    factories.make_send_connector(contoso.tenant, "*", name="Internet")
    change_send_connector(actor=SYSTEM, connector=unused, smart_hosts=None, comment="looked at")
    with_flow(reroute_tenant, contoso.tenant.pk)
    assert queue_of().connector_id == unused.pk


def test_it_follows_its_connector_and_is_routed_again_when_that_goes(
    contoso: Contoso, message: Message, peer: StubSmtp, unused: SendConnector
) -> None:
    redirect_message(
        actor=SYSTEM, message=message, target=find_target(tenant_id=contoso.tenant.pk, connector_id=unused.pk)
    )
    change_send_connector(actor=SYSTEM, connector=unused, routing="dns")
    with_flow(reroute_tenant, contoso.tenant.pk)
    assert (queue_of().next_hop_domain, queue_of().connector_id) == ("elsewhere.example", unused.pk)
    assert Delivery.objects.get().is_redirected
    delete_send_connector(actor=SYSTEM, connector=unused)
    with_flow(reroute_tenant, contoso.tenant.pk)
    assert queue_of().delivery_type == "unreachable"
    assert not Delivery.objects.get().is_redirected


@pytest.mark.parametrize("suspended", [False, True])
def test_a_redirection_is_taken_back(contoso: Contoso, message: Message, peer: StubSmtp, suspended: bool) -> None:
    peer.script["greeting"] = "421 4.3.2 Not now"
    target = to(peer, contoso)
    redirect_message(actor=SYSTEM, message=message, target=target)
    deliver()
    assert (Delivery.objects.get().state, queue_of().retry_count) == ("retry", 1)
    if suspended:
        suspend_message(actor=SYSTEM, message=message)
    assert undo_redirect(actor=SYSTEM, message=message) == 1
    route_again_once(contoso.tenant.pk)
    delivery = Delivery.objects.get()
    assert not delivery.is_redirected
    assert delivery.state == ("suspended" if suspended else "unreachable")
    assert ("REDIRECT", "ADMIN") in events_of(message.pk)
    assert TrackingEvent.objects.filter(reason="queue.redirect_undone").count() == 1


def test_a_suspended_one_stays_suspended_on_its_new_way(
    contoso: Contoso, message: Message, peer: StubSmtp, unused: SendConnector
) -> None:
    suspend_message(actor=SYSTEM, message=message)
    redirect_message(
        actor=SYSTEM, message=message, target=find_target(tenant_id=contoso.tenant.pk, connector_id=unused.pk)
    )
    deliver()
    assert (Delivery.objects.get().state, queue_of().connector_id) == ("suspended", unused.pk)


def test_what_cannot_be_moved_stays_and_says_so(contoso: Contoso, peer: StubSmtp, unused: SendConnector) -> None:
    target = find_target(tenant_id=contoso.tenant.pk, connector_id=unused.pk)
    letter = Message.objects.get(pk=send(contoso.alice_mailbox, "bob@contoso.example"))
    in_flight = Message.objects.get(pk=send(contoso.alice_mailbox, ELSEWHERE))
    Delivery.objects.filter(message=in_flight).update(state="active")
    for message in (letter, in_flight):
        with pytest.raises(Problem, match="nothing_to_redirect"):
            redirect_message(actor=SYSTEM, message=message, target=target)
    small = factories.make_send_connector(contoso.tenant, "small.example", name="Small", max_message_size=1)
    Delivery.objects.filter(message=in_flight).update(state="unreachable")
    with pytest.raises(Problem, match="nothing_to_redirect"):
        redirect_message(actor=SYSTEM, message=in_flight, target=by(small))
    assert not AuditEvent.objects.filter(action="message.redirect").exists()


def test_retrying_a_queue_to_a_server_tries_it_now(contoso: Contoso, message: Message, peer: StubSmtp) -> None:
    peer.script["greeting"] = "421 4.3.2 Not now"
    target = to(peer, contoso)
    redirect_message(actor=SYSTEM, message=message, target=target)
    deliver()
    del peer.script["greeting"]
    retry_queue(actor=SYSTEM, queue=queue_of())
    deliver()
    assert len(peer.messages) == 1
