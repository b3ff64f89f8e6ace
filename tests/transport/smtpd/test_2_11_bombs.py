"""Messages made to choke a parser: answered soon, kept as they are, and nobody else waits (reliability 2.11)."""

from __future__ import annotations

import time
import zlib

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tests.transport.smtpd.conftest import Server
from transport.models import Message, MessageBody

pytestmark = pytest.mark.django_db(transaction=True)

FROM = b"From: x@y.example\r\nSubject: bomb\r\n"


def nested(kind: bytes, depth: int) -> bytes:
    lines = [FROM]
    for level in range(depth):
        if kind == b"multipart":
            lines.append(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level))
        else:
            lines.append(b"Content-Type: message/rfc822\r\n\r\n")
    return b"".join(lines) + b"\r\nHi\r\n"


def with_parts(count: int, boundary: bytes = b"b") -> bytes:
    head = FROM + b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n'
    return head + (b"--" + boundary + b"\r\n\r\nx\r\n") * count + b"--" + boundary + b"--\r\n"


def with_field(name: bytes, value: bytes) -> bytes:
    return FROM + name + b": " + value + b"\r\n\r\nHi\r\n"


def attachment(name: bytes, content: bytes) -> bytes:
    lines = b"\r\n".join(content.hex().encode()[at : at + 76] for at in range(0, 2 * len(content), 76))
    return with_field(b"Content-Type", b'application/octet-stream; name="' + name + b'"').replace(
        b"Hi\r\n", lines + b"\r\n"
    )


BOMBS = {
    "1,500 multiparts in one another": nested(b"multipart", 1_500),
    "1,500 messages in one another": nested(b"rfc822", 1_500),
    "20,000 parts": with_parts(20_000),
    "an empty boundary": with_parts(100, b""),
    "a boundary of 2,000 octets": with_parts(100, b"b" * 2_000),
    "3,000 pieces of a parameter": with_field(
        b"Content-Type", b"a/b" + b"".join(b";\r\n name*%d*=x" % number for number in range(3_000))
    ),
    "3,000 encoded words": with_field(b"X-Words", b"\r\n ".join([b"=?utf-8?q?=C3=BC?="] * 3_000)),
    "5,000 addresses": with_field(b"To", b",\r\n ".join([b"a@b.example"] * 5_000)),
    "3,000 comments in one another": with_field(b"Reply-To", b"(" * 3_000 + b")" * 3_000 + b" a@b.example"),
    "3,000 groups in one another": with_field(b"Cc", b"g:" * 3_000 + b";" * 3_000),
    "comments in From": b"From: " + b"(" * 3_000 + b"\r\n\r\nHi\r\n",
    "10,000 header lines": FROM + b"X: y\r\n" * 10_000 + b"\r\nHi\r\n",
    "a Subject of a megabyte": b"From: x@y.example\r\nSubject: " + b"=?utf-8?q?x?= " * 70_000 + b"\r\n\r\nHi\r\n",
    "a Subject of 100 kB": b"From: x@y.example\r\nSubject: " + b"x" * 100_000 + b"\r\n\r\nHi\r\n",
    "a zip bomb": attachment(b"x.zip", zlib.compress(b"\0" * 50_000_000)),
    "winmail.dat": attachment(b"winmail.dat", b"\x78\x9f\x3e\x22" + b"\xff" * 5_000),
}


@pytest.mark.slow
def test_each_is_refused_or_kept_as_it_came_and_holds_up_nobody(server: Server, as_alice: Browser) -> None:
    for name, content in BOMBS.items():
        with server.connect() as client, server.connect() as other:
            client.ehlo()
            client.envelope("x@y.example", "bob@contoso.example")
            client.say("DATA")
            started = time.monotonic()
            client.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            asked = time.monotonic()
            assert other.say("NOOP").startswith("250")
            assert time.monotonic() - asked < 1, name
            reply = client.hear()
            assert time.monotonic() - started < 10, name
        if reply.startswith("250"):
            message = Message.objects.latest("received_at")
            stored = bytes(MessageBody.objects.get(pk=message.pk).content)
            assert stored.partition(b"+0000\r\n")[2] == content, name
        else:
            assert reply.startswith(("552 5.3.4", "550 5.6")), (name, reply)
    assert Message.objects.count() >= len(BOMBS) - 3
    for page in ("tracking", "queues"):
        assert as_alice.get(reverse(f"console:{page}")).status_code == 200
    for message in Message.objects.all():
        assert as_alice.get(reverse("console:tracking-timeline", args=[message.pk])).status_code == 200
