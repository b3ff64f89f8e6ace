from __future__ import annotations

import pytest

from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.models import Delivery, EventId, Message, Source
from transport.queue.listing import list_queues
from transport.queue.rates import Rate, rates
from transport.tracking.events import Subject, event, insert_events

pytestmark = pytest.mark.django_db


def leave(recipient: str, event_id: EventId, connector: str = "") -> None:
    """Let a delivery be gone as a worker leaves it."""
    row = Delivery.objects.select_related("message").get(recipient=recipient)
    message: Message = row.message
    subject = Subject(message.pk, message.tenant_id, "", message.sender, "", message.size, message.incoming)
    insert_events([event(subject, event_id, Source.SMTP, [recipient], connector=connector)])
    row.delete()


def test_what_comes_and_goes_in_a_minute_is_told_of_each_queue(contoso: Contoso) -> None:
    factories.make_send_connector(contoso.tenant, "*.example", name="Partners")
    factories.make_send_connector(contoso.tenant, "*.net", name="Relay", smart_hosts=[("relay.example", 25)])
    for number in range(6):
        send(contoso.alice_mailbox, f"a{number}@one.example", f"b{number}@two.example", f"c{number}@x.net")
    send(contoso.alice_mailbox, "nobody@nowhere.invalid")
    for number in range(3):
        leave(f"a{number}@one.example", EventId.SEND, "Partners")
    leave("c0@x.net", EventId.FAIL, "Relay")
    with scope(contoso.tenant):
        known = rates(contoso.tenant.pk)
        found = {queue.next_hop_domain: known.of(queue) for queue in list_queues(contoso.tenant.pk)}
    assert found == {
        "one.example": Rate(0.1, 0.05),
        "two.example": Rate(0.1, 0.0),
        "relay.example": Rate(0.1, 0.02),
        "Unreachable Domain": Rate(0.02, 0.0),
    }
    assert found["one.example"].velocity == -0.05
    fabrikam = factories.make_tenant("fabrikam")
    with scope(fabrikam):
        assert (rates(fabrikam.pk).came, rates(fabrikam.pk).left) == ({}, {})
