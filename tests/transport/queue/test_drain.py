from __future__ import annotations

from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send
from transport.models import Delivery, MailboxMessage, SendConnector

pytestmark = WITH_WORKERS


def test_a_message_leaves_by_its_connector_and_its_story_is_told(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example", "y@elsewhere.example")
    assert deliver() is False
    assert [len(message.rcpts) for message in peer.messages] == [2]
    assert not Delivery.objects.exists()
    assert events_of(message_id) == [("RECEIVE", "STOREDRIVER"), ("SEND", "SMTP")]


def test_a_message_to_a_colleague_is_put_into_the_mailbox(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    deliver()
    letter = MailboxMessage.objects.get(mailbox=contoso.bob_mailbox)
    assert (letter.uid, letter.subject, letter.to_header) == (1, "Hi", "B <b@x.example>")
    assert bytes(letter.body.content).startswith(b"Return-Path: <alice@contoso.example>\r\n")
    assert events_of(message_id) == [("RECEIVE", "STOREDRIVER"), ("DELIVER", "STOREDRIVER")]
