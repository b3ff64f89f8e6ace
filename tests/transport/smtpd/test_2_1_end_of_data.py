"""Only CR LF . CR LF ends a message: whatever else looks like an end smuggles nothing in (reliability 2.1)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Message, MessageBody
from transport.smtpd.inbox import Inbox

pytestmark = pytest.mark.django_db(transaction=True)

ENDINGS = [
    *(b"\n.\n", b"\n.\r\n", b"\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n.\r\r\n"),
    *(b"\r\r\n.\r\r\n", b"\n\n.\n\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\0\n", b"\r\n .\r\n", b"\r\n.\t\r\n"),
    *(
        b"\r\n. \r\n",
        b"\r\n.\x08\r\n",
        b"\r\n\x08.\r\n",
        "\u0085.\u0085".encode(),
        "\u2028.\u2028".encode(),
        b"\x85.\x85",
        b"\x0b.\x0b",
        b"\x0c.\x0c",
    ),
    *(b"x" * 510 + b".\r\n", b"x" * 997 + b".\r\n", b"x" * 998 + b".\r\n", b"x" * 131_072 + b".\r\n"),
]
SMUGGLED = b"MAIL FROM:<evil@y.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil\r\n"


def expected(ending: bytes) -> str:
    """Return the best answer: bare CR and LF and NUL are refused, everything else is content."""
    is_bare = any(ending.replace(b"\r\n", b"").count(one) for one in (b"\r", b"\n"))
    return "550 5.6.11" if is_bare else ("550 5.6.0" if b"\0" in ending else "250")


def count(text: str) -> int:
    """Return how many accepted messages have it in their subject."""
    return Message.objects.filter(subject__contains=text).count()


def test_no_other_ending_lets_a_second_message_in(server: Server) -> None:
    for number, ending in enumerate(ENDINGS):
        with server.connect() as client:
            client.ehlo()
            client.envelope("x@y.example", "bob@contoso.example")
            reply = client.data(b"Subject: first\r\n\r\nHello" + ending + SMUGGLED)
        assert reply.startswith(expected(ending)), ending
        assert count("smuggled") == 0, ending
        assert count("first") <= number + 1


def test_nor_does_one_that_comes_in_segments(server: Server) -> None:
    with server.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.ehlo()
        for ending in [one for one in ENDINGS if len(one) < 100]:
            client.envelope("x@y.example", "bob@contoso.example")
            client.say("DATA")
            client.send(b"Subject: first\r\n\r\nHello")
            for octet in ending:
                client.send(bytes([octet]))
            client.send(SMUGGLED)
            client.send(b".\r\n")
            assert client.hear().startswith(expected(ending)), ending
            assert client.say("NOOP") == "250 2.0.0 OK", "out of step"
            client.say("EHLO client.example")
    assert count("smuggled") == 0


@pytest.mark.parametrize("ending", [one for one in ENDINGS if len(one) < 100])
async def test_wherever_the_segments_are_cut(ending: bytes) -> None:
    wire = b"a: b\r\n\r\nHello" + ending + SMUGGLED + b"\r\n.\r\n"
    for size in (1, 2, 3, 4, 5, 7):
        inbox = Inbox()
        reading = asyncio.ensure_future(inbox.take_data(1_000_000))
        for at in range(0, len(wire), size):
            inbox.feed(wire[at : at + size])
            await asyncio.sleep(0)
        content = (await reading).finish()
        assert isinstance(content, bytes)
        # Each octet is there but the dots that stuffing put, all of them before the only end.
        assert content.endswith(SMUGGLED + b"\r\n")
        assert len(content) == len(wire) - 3 - wire[:-5].count(b"\r\n.")
        assert not inbox.buffer


def test_a_chunk_has_no_ending_at_all(server: Server) -> None:
    for ending in (b"\r\n.\r\n", b"\n.\n", b"\r.\r"):
        content = b"Subject: first\r\n\r\nHello" + ending + SMUGGLED
        with server.connect() as client:
            client.ehlo()
            client.envelope("x@y.example", "bob@contoso.example")
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            assert client.hear().startswith(expected(ending))
            assert client.say("NOOP") == "250 2.0.0 OK"
    assert count("smuggled") == 0


@pytest.mark.parametrize("cut", range(1, 5))
def test_an_end_that_comes_in_pieces_ends_the_message(server: Server, cut: int) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.say("DATA")
        wire = CONTENT + b".\r\n"
        client.send(wire[: len(wire) - cut])
        assert not Message.objects.exists()
        client.send(wire[len(wire) - cut :])
        assert client.hear().startswith("250 2.6.0")


def test_bytes_are_kept_as_they_came(server: Server) -> None:
    text = b"Subject: \xd0\xb6\r\n\r\n.dot\r\n..two\r\n" + b"y" * 5000 + b"\r\n\r\n \t\r\n\xff\xfe\r\n"
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(text.replace(b"\r\n.", b"\r\n..")).startswith("250")
    message = Message.objects.get()
    assert bytes(MessageBody.objects.get(pk=message.pk).content).partition(b"+0000\r\n")[2] == text
    assert message.is_8bit


def test_a_message_may_be_empty(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("", "bob@contoso.example")
        assert client.data(b"").startswith("250 2.6.0")
