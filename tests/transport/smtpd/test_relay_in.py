"""Mail from strangers: for accepted domains only, one reply per recipient, and 250 for what is committed."""

from __future__ import annotations

import pytest

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Delivery, Message, MessageBody, TrackingEvent

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_for_a_mailbox_is_committed_before_250(server: Server) -> None:
    with server.connect() as client:
        assert client.greeting.startswith("220 mail.contoso.example ESMTP")
        client.ehlo()
        assert client.envelope("x@y.example", "bob@contoso.example") == [
            "250 2.1.0 Sender OK",
            "250 2.1.5 Recipient OK",
        ]
        reply = client.data(CONTENT)
    message = Message.objects.get()
    assert reply == f"250 2.6.0 <1@y.example> [InternalId={message.pk}] Queued mail for delivery"
    body = bytes(MessageBody.objects.get(pk=message.pk).content)
    assert body.endswith(b"\r\n" + CONTENT)
    assert b"from client.example (unknown [127.0.0.1])" in body
    assert Delivery.objects.get(message=message).recipient == "bob@contoso.example"
    event = TrackingEvent.objects.get(message_id=message.pk)
    assert (event.event_id, event.source, event.connector) == ("RECEIVE", "SMTP", "Default")


@pytest.mark.parametrize(
    ("recipient", "reply"),
    [
        ("z@elsewhere.example", "550 5.7.1 Unable to relay"),
        ("nobody@contoso.example", "550 5.1.1 User unknown"),
        ("BOB@CONTOSO.EXAMPLE", "250 2.1.5 Recipient OK"),
        ("postmaster@contoso.example", "250 2.1.5 Recipient OK"),
        ("postmaster", "250 2.1.5 Recipient OK"),
        ("z%elsewhere.example@contoso.example", "550 5.1.1 User unknown"),
        ("@contoso.example:z@elsewhere.example", "501 5.1.3 Source routes are not accepted (RFC 5321 appendix C)."),
        ("bob@[127.0.0.1]", "550 5.7.1 Unable to relay"),
        ("", "501 5.1.3 A recipient cannot be empty"),
    ],
)
def test_each_recipient_has_its_own_answer(server: Server, recipient: str, reply: str) -> None:
    with server.connect() as client:
        client.ehlo()
        client.say("MAIL FROM:<>")
        assert client.say(f"RCPT TO:<{recipient}>") == reply
