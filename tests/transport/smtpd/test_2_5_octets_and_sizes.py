"""Odd octets, long lines, false sizes: refused or kept whole, never half understood (reliability 2.5)."""

from __future__ import annotations

import pytest

from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Message, MessageBody

pytestmark = pytest.mark.django_db(transaction=True)

COMMANDS = [
    *(b"EHLO c", b"HELO c", b"MAIL FROM:<x@y.example>", b"RCPT TO:<bob@contoso.example>", b"DATA", b"RSET", b"NOOP"),
    *(b"VRFY bob", b"EXPN bob", b"HELP", b"QUIT", b"STARTTLS", b"AUTH PLAIN", b"BDAT 5 LAST"),
]


def answer(client: Client, raw: bytes) -> str:
    client.send(raw)
    return client.hear()


@pytest.mark.parametrize("octet", [b"\0", b"\x80", b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_no_command_holds_nul_or_what_is_no_utf8(server: Server, octet: bytes) -> None:
    for command in COMMANDS:
        with server.connect() as client:
            assert answer(client, command + octet + b"\r\n").startswith("500 5.5.2"), command
            assert answer(client, command[:2] + octet + command[2:] + b"\r\n").startswith("500 5.5.2"), command
            assert client.say("NOOP").startswith("250")


def test_utf8_in_an_address_needs_smtputf8(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        assert client.say("MAIL FROM:<ж@y.example>").startswith("553 5.6.7")
        assert client.say("MAIL FROM:<x@ж.example>").startswith("553 5.6.7")
        client.say("MAIL FROM:<x@y.example>")
        assert client.say("RCPT TO:<ж@contoso.example>").startswith("553 5.6.7")


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"Subject: a\0b\r\n\r\nHi\r\n", "550 5.6.0"),
        (b"Subject: a\r\n\r\nH\0i\r\n", "550 5.6.0"),
        (b"Subject: \xe4\r\n\r\n\x80\xff\r\n", "250 2.6.0"),
        *[(b"Subject: x\r\n\r\n" + b"y" * size + b"\r\n", "250 2.6.0") for size in (998, 1_000, 1_001, 5_000, 100_000)],
        (b"Subject: " + b"y" * 5_000 + b"\r\n\r\nHi\r\n", "250 2.6.0"),
        (b"Subject: " + b"y" * 200_000 + b"\r\n\r\nHi\r\n", "552 5.3.4"),
    ],
)
def test_content_is_refused_or_kept_as_it_came(server: Server, content: bytes, reply: str) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(content).startswith(reply)
    if reply.startswith("250"):
        stored = bytes(MessageBody.objects.get(pk=Message.objects.get().pk).content)
        assert stored.partition(b"+0000\r\n")[2] == content


def test_long_commands_are_refused_once_and_in_step(server: Server) -> None:
    with server.connect() as client:
        for line in (b"x" * 5_000, b"EHLO " + b"x" * 5_000, b"NOOP " + b"x" * 100_000):
            assert answer(client, line + b"\r\n") == "500 5.5.2 Line too long"
        assert client.ehlo().startswith("250")


def test_parts_of_addresses_keep_to_their_limits(server: Server) -> None:
    label = "b" * 63
    longest = f"{label}.{label}.{label}.{'b' * 55}.example"
    with server.connect() as client:
        client.ehlo()
        for address, reply in [
            ("a" * 64 + "@y.example", "250"),
            ("a" * 65 + "@y.example", "501 5.1.7"),
            (f"a@{label}.example", "250"),
            (f"a@{label}b.example", "501 5.1.7"),
            (f"a@{longest}", "250"),
            (f"a@b{longest}", "501 5.1.7"),
            ("a" * 1_100 + "@y.example", "501 5.1.7"),
        ]:
            assert client.say(f"MAIL FROM:<{address}>").startswith(reply), address
            client.say("RSET")


def test_a_size_that_is_not_true_lets_nothing_more_in(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        assert client.say("MAIL FROM:<x@y.example> SIZE=37748737").startswith("552 5.3.4")
        assert client.say("MAIL FROM:<x@y.example> SIZE=99999999999999999999").startswith("552 5.3.4")
        assert client.say("MAIL FROM:<x@y.example> SIZE=1").startswith("250")
        client.say("RCPT TO:<bob@contoso.example>")
        assert client.data(CONTENT).startswith("250 2.6.0")
    assert Message.objects.get().size > len(CONTENT)
