"""The order of commands, their forms, and what is answered to nonsense (RFC 5321 4.1)."""

from __future__ import annotations

import socket

import pytest

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Message, MessageBody

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_offered_is_what_is_honoured(server: Server) -> None:
    with server.connect() as client:
        lines = client.ehlo().replace("250-", "").replace("250 ", "").split("\n")
    assert lines[0] == "mail.contoso.example"
    assert set(lines[1:]) == {
        *("PIPELINING", "SIZE 37748736", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES"),
        *("LIMITS RCPTMAX=200", "STARTTLS"),
    }


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("VRFY bob", "252 2.1.5"),
        ("VRFY", "501 5.5.4"),
        ("EXPN staff", "502 5.5.1"),
        ("HELP", "214 2.0.0"),
        ("noop whatever", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("RSET x", "501 5.5.4"),
        ("EHLO", "501 5.5.4"),
        ("EHLO \u0436.example", "501 5.5.4"),
        ("HELO", "501 5.5.4"),
        ("MAIL FROM:<x@y.example>", "503 5.5.1 Send hello first"),
        ("RCPT TO:<bob@contoso.example>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("STARTTLS x", "501 5.5.4"),
        ("AUTH PLAIN", "503 5.5.1"),
        ("XCLIENT ADDR=127.0.0.1", "550 5.7.0"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 25", "500 5.5.1"),
        ("ETRN x", "500 5.5.1"),
        ("", "500 5.5.1"),
        ("GET / HTTP/1.1", "500 5.5.1"),
        ("EHLO x\rX-Evil: 1", "500 5.5.2"),
        ("EHLO a\0b", "500 5.5.2"),
        ("MAIL FROM:<a@b.example>\x7f", "500 5.5.2"),
        ("x" * 5000, "500 5.5.2 Line too long"),
        ("QUIT now", "501 5.5.4"),
        ("QUIT", "221 2.0.0"),
    ],
)
def test_each_command_has_its_answer(server: Server, command: str, reply: str) -> None:
    with server.connect() as client:
        assert client.say(command).startswith(reply)


def test_a_line_that_ends_in_a_bare_newline_is_no_command(server: Server) -> None:
    with server.connect() as client:
        client.send(b"NOOP\n")
        assert client.hear().startswith("500 5.5.2")


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<x@y.example> SIZE=99999999", "552 5.3.4"),
        ("MAIL FROM:<x@y.example> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<x@y.example> SIZE=123456789012345678901", "501 5.5.4"),
        ("MAIL FROM:<x@y.example> BODY=BINARYMIME", "501 5.5.4"),
        ("MAIL FROM:<x@y.example> REQUIRETLS", "555 5.5.4"),
        ("MAIL FROM:<x@y.example> AUTH=<>", "250 2.1.0"),
        ("MAIL FROM:<x@y.example> BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a", "250 2.1.0"),
        ("MAIL FROM:<ж@y.example>", "553 5.6.7"),
        ("MAIL FROM:<ж@y.example> SMTPUTF8", "250 2.1.0"),
        ("mail from: <x@y.example>", "250 2.1.0"),
        ("MAIL FROM:<>", "250 2.1.0"),
        ("MAIL FROM:x@y.example", "250 2.1.0"),
        ("MAIL FROM:<x@y.example", "501 5.5.4"),
        ("MAIL FROM:<a@b.example><c@d.example>", "501 5.5.4"),
        ("MAIL FROM:<a@b.example>c@d.example", "501 5.5.4"),
        ("MAIL FROM:<" + "a" * 65 + "@y.example>", "501 5.1.7"),
        ("MAIL FROM:<a@" + "b" * 64 + ".example>", "501 5.1.7"),
        ("MAIL FROM:<@a.example,@b.example:x@y.example>", "501 5.1.7"),
        ("MAIL TO:<x@y.example>", "501 5.5.4"),
    ],
)
def test_mail_takes_what_the_standards_say(server: Server, command: str, reply: str) -> None:
    with server.connect() as client:
        client.ehlo()
        assert client.say(command).startswith(reply)


def test_a_transaction_begins_anew_with_rset_and_with_ehlo(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.say("MAIL FROM:<x@y.example>").startswith("503")
        client.say("RSET")
        assert client.say("RCPT TO:<bob@contoso.example>").startswith("503")
        client.say("MAIL FROM:<x@y.example>")
        client.ehlo()
        assert client.say("DATA").startswith("503")


def test_a_client_that_closes_its_side_at_once_is_still_served(server: Server) -> None:
    with server.connect() as client:
        client.send(
            b"HELO c\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\n"
            + CONTENT
            + b".\r\nQUIT\r\n"
        )
        client.socket.shutdown(socket.SHUT_WR)
        replies = [client.hear()[:3] for _ in range(6)]
    assert replies == ["250", "250", "250", "354", "250", "221"]
    assert b"with SMTP id" in bytes(MessageBody.objects.get(pk=Message.objects.get().pk).content)


def test_replies_are_short_lines_of_ascii_whatever_was_sent(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        refusal = client.say("MAIL FROM:<a@x(y).example>")
        assert refusal == '501 5.1.7 "x(y).example" is not a valid domain name.'
        client.envelope("x@y.example", "bob@contoso.example")
        long_id = "Message-ID: <" + "\u00fc" * 900 + "@y.example>\r\n"
        accepted = client.data(long_id.encode() + b"From: x@y.example\r\n\r\nHi\r\n")
        assert accepted.startswith("250 2.6.0 <")
        assert accepted.endswith("Queued mail for delivery")
        assert accepted.isascii()
        assert len(accepted) <= 510
