"""REQUIRETLS (RFC 8689) outward: to hosts alone that prove their name and promise the same; else back to the sender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.certificates import server_context
from tests.transport.delivery.stub import StubSmtp
from tests.transport.dns.stub import StubDns
from tests.transport.workers import WITH_WORKERS, deliver, send
from transport.models import Message, Queue, SendConnector, TrackingEvent

pytestmark = WITH_WORKERS


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return server_context(Path(tmp_path_factory.mktemp("right")))


@pytest.fixture
def internet(contoso: Contoso, peer: StubSmtp, name_server: StubDns, settings: Settings, right: Any) -> SendConnector:
    """The peer is the mail server of elsewhere.example, under a name that its certificate proves."""
    peer.tls, peer.extensions, settings.POSTROOM_CA_FILE = right[0], ("STARTTLS", "REQUIRETLS", "PIPELINING"), right[1]
    name_server.add("elsewhere.example", "MX", "10 mx.example.")
    name_server.add("mx.example", "A", "127.0.0.1")
    return factories.make_send_connector(contoso.tenant, port=peer.endpoint.port)


def send_secretly(contoso: Contoso) -> Any:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    Message.objects.filter(pk=message_id).update(require_tls=True)
    return message_id


def test_it_leaves_over_a_connection_that_is_good_enough_and_others_as_before(
    contoso: Contoso, peer: StubSmtp, internet: SendConnector
) -> None:
    send(contoso.alice_mailbox, "y@elsewhere.example")
    message_id = send_secretly(contoso)
    deliver()
    secret = {message.rcpts[0]: "REQUIRETLS" in message.mail for message in peer.messages}
    assert secret == {"RCPT TO:<x@elsewhere.example>": True, "RCPT TO:<y@elsewhere.example>": False}
    event = TrackingEvent.objects.get(message_id=message_id, event_id="SEND")
    assert isinstance(event.detail, dict)
    assert event.detail["tls"]["verified"] is True


@pytest.mark.parametrize("lacks", ["REQUIRETLS", "STARTTLS", "a name that is proven"])
def test_where_nobody_is_good_enough_it_goes_back(
    contoso: Contoso, peer: StubSmtp, internet: SendConnector, settings: Settings, tmp_path: Path, lacks: str
) -> None:
    peer.extensions = tuple(one for one in peer.extensions if one != lacks)
    if lacks.startswith("a name"):
        peer.tls = server_context(tmp_path)[0]
    message_id = send_secretly(contoso)
    deliver()
    assert peer.messages == []
    event = TrackingEvent.objects.get(message_id=message_id, event_id="FAIL")
    assert event.reason == "peer.no_requiretls"
    assert Message.objects.filter(sender="").count() == 1, "the sender is told"


def test_a_host_that_does_not_answer_is_tried_again(contoso: Contoso, peer: StubSmtp, internet: SendConnector) -> None:
    peer.script["greeting"] = "421 4.3.2 Not now"
    message_id = send_secretly(contoso)
    deliver()
    assert not TrackingEvent.objects.filter(message_id=message_id, event_id="FAIL").exists()
    assert Queue.objects.get().retry_count == 1
