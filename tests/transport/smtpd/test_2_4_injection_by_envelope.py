"""Nothing of the envelope puts a line of its own anywhere: not into headers nor into rows (reliability 2.4)."""

from __future__ import annotations

import pytest

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Delivery, Message, MessageBody

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = [
    *("x%0d%0aX-Evil: 1", "x) X-Evil: (", "<script>alert(1)</script>", "x;X-Evil=1", "x (by evil.example) with ESMTP"),
    *("=?utf-8?q?a=0AX-Evil:_1?=", "x\\r\\nX-Evil: 1", "a" * 1_900, "[127.0.0.1]", "{{7*7}}", "x\tX-Evil: 1"),
]
SENDERS = [
    *(
        '"a\\"b"@y.example',
        '"X-Evil: 1"@y.example',
        '"a=0AX-Evil"@y.example',
        "x+%0d%0aX-Evil@y.example",
        "xn--a@y.example",
    ),
    *("x=?utf-8?q?=0A?=@y.example",),
]
BROKEN = [
    *(
        b"EHLO x\rX-Evil: 1\r\n",
        b"EHLO x\0\r\n",
        b"MAIL FROM:<a\rX-Evil@y.example>\r\n",
        b"MAIL FROM:<a\n@y.example>\r\n",
    ),
    *(
        b'MAIL FROM:<"a\rX-Evil: 1"@y.example>\r\n',
        b"MAIL FROM:<a@xn--\rX-Evil.example>\r\n",
        b"MAIL FROM:<a@b\0.example>\r\n",
    ),
    *(b"EHLO \x1b[31mx\r\n", b"EHLO x\x7f\r\n", b"MAIL FROM:<a@b.example> ENVID=a\x01\r\n"),
]


def header_of(message: Message) -> bytes:
    return bytes(MessageBody.objects.get(pk=message.pk).content).partition(b"\r\n\r\n")[0]


def test_a_name_in_ehlo_stays_one_word_of_our_received_line(server: Server) -> None:
    for name in NAMES:
        with server.connect() as client:
            reply = client.say(f"EHLO {name}")
            if not reply.startswith("250"):
                assert reply.startswith("50"), name
                continue
            client.envelope("x@y.example", "bob@contoso.example")
            assert client.data(CONTENT).startswith("250")
        header = header_of(Message.objects.latest("received_at"))
        trace, _, rest = header.partition(b"+0000\r\n")
        assert rest + b"\r\n" == CONTENT.partition(b"\r\n\r\n")[0] + b"\r\n", name
        assert trace.startswith(b"Received: from ")
        assert all(line.startswith(b"\t") for line in trace.split(b"\r\n")[1:])
        assert b"\nX-Evil" not in header
        assert b" from " not in trace[15:], name


def test_a_sender_stays_a_sender(server: Server) -> None:
    for sender in SENDERS:
        with server.connect() as client:
            client.ehlo()
            assert client.say(f"MAIL FROM:<{sender}>").startswith("250"), sender
            assert client.say("RCPT TO:<bob@contoso.example>").startswith("250")
            assert client.data(CONTENT).startswith("250")
        message = Message.objects.latest("received_at")
        assert "\n" not in message.sender
        assert b"X-Evil" not in header_of(message)


def test_control_characters_are_in_no_command(server: Server) -> None:
    for command in BROKEN:
        with server.connect() as client:
            client.send(b"EHLO c\r\n")
            client.hear()
            client.send(command)
            assert client.hear().startswith("500 5.5.2"), command
    assert not Message.objects.exists()


@pytest.mark.parametrize("value", ["rfc822;a+0D+0AX-Evil:+201", "rfc822;a+00b", "rfc822;a+7Fb", "rfc822;+1B[31m"])
def test_xtext_hides_no_control_characters(server: Server, value: str) -> None:
    """RFC 3461 4.2, 4.4: what it decodes to is printable."""
    with server.connect() as client:
        client.ehlo()
        assert client.say(f"MAIL FROM:<x@y.example> ENVID={value.partition(';')[2]}").startswith("501 5.5.4")
        client.say("MAIL FROM:<x@y.example> ENVID=a+20b")
        assert client.say(f"RCPT TO:<bob@contoso.example> ORCPT={value}").startswith("501 5.5.4")
        assert client.say("RCPT TO:<bob@contoso.example> ORCPT=rfc822;b+2Bc+40d.example").startswith("250")
        client.data(CONTENT)
    assert Delivery.objects.get().original_recipient == "rfc822;b+2Bc+40d.example"
