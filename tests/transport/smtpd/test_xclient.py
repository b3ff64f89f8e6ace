"""XCLIENT: a listed host says for whom it speaks, and the session begins anew as that client's; others are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Message, MessageBody, ProtocolTranscript, ReceiveConnector
from transport.smtpd.parameters import Refused
from transport.smtpd.xclient import Told, parse_xclient

pytestmark = pytest.mark.django_db(transaction=True)

OFFER = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"


@pytest.fixture
def trusting(alice: Contoso, settings: Any, make_server: Callable[..., Server]) -> Server:
    settings.POSTROOM_XCLIENT_NETWORKS = ["127.0.0.1/32"]
    return make_server()


def test_the_client_that_is_told_of_is_the_client_of_the_message(trusting: Server) -> None:
    with trusting.connect() as client:
        assert OFFER in client.ehlo()
        told = "XCLIENT NAME=mx.y.example ADDR=203.0.113.7 PORT=40000 PROTO=ESMTP HELO=mx.y.example"
        assert client.say(told) == client.greeting
        # What was told of HELO and PROTO is enough to go on with, as for a client that greeted us itself.
        assert client.say("MAIL FROM:<x@y.example> SIZE=100").startswith("250")
        client.say("RCPT TO:<bob@contoso.example>")
        assert client.data(CONTENT).startswith("250")
    message = Message.objects.get()
    assert (message.client_address, message.client_name) == ("203.0.113.7", "mx.y.example")
    assert b"from mx.y.example (mx.y.example [203.0.113.7])" in bytes(MessageBody.objects.get(pk=message.pk).content)
    assert "from 203.0.113.7, a proxy says, as anonymous" in str(message.trace)


def test_the_session_begins_anew(trusting: Server) -> None:
    with trusting.connect() as client:
        client.start_tls()
        assert client.say("XCLIENT ADDR=IPV6:2001:db8::7 NAME=[UNAVAILABLE] LOGIN=[UNAVAILABLE]").startswith("220")
        assert client.say("MAIL FROM:<x@y.example>").startswith("503 5.5.1")
        assert OFFER in client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.say("XCLIENT ADDR=203.0.113.9").startswith("503 5.5.1")
        client.data(CONTENT)
    assert Message.objects.get().client_address == "2001:db8::7"


def test_others_are_refused_and_not_told_that_there_is_such_a_thing(
    trusting: Server, connectors: dict[str, ReceiveConnector]
) -> None:
    with Client(trusting.ports["smtp"], source="127.0.0.2") as client:
        assert "XCLIENT" not in client.ehlo()
        assert client.say("XCLIENT ADDR=203.0.113.7") == "550 5.7.0 XCLIENT is for listed hosts only"
        client.envelope("x@y.example", "bob@contoso.example")
        client.data(CONTENT)
    assert Message.objects.get().client_address == "127.0.0.2"


def test_connectors_ranges_and_limits_are_those_of_the_client(
    trusting: Server, alice: Contoso, connectors: dict[str, ReceiveConnector]
) -> None:
    ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(max_inbound_connections_per_source=1)
    factories.make_receive_connector(name="Narrow", remote_ranges=["198.51.100.0/24"], banner="220 narrow")
    factories.make_receive_connector(
        alice.tenant, name="Printers", remote_ranges=["203.0.113.7/32"], approved_at=timezone.now()
    )
    trusting.reload()
    with trusting.connect() as first:
        first.say("XCLIENT ADDR=203.0.113.7")
        first.ehlo()
        replies = first.envelope("scanner@contoso.example", "z@elsewhere.example")
        assert replies[1].startswith("250"), "an approved machine's address relays"
        # The host itself holds no place any more, and the client it speaks for does.
        with trusting.connect() as second:
            assert second.say("XCLIENT ADDR=198.51.100.9") == "220 narrow"
        with trusting.connect() as third:
            assert third.say("XCLIENT ADDR=203.0.113.7").startswith("421 4.7.0")


def test_a_log_in_that_the_host_has_checked_counts(trusting: Server) -> None:
    with trusting.connect("submission") as client:
        client.ehlo()
        assert client.say("XCLIENT ADDR=203.0.113.7 LOGIN=alice+40contoso.example").startswith("220")
        client.ehlo()
        client.envelope("alice@contoso.example", "z@elsewhere.example")
        assert client.data(b"From: alice@contoso.example\r\n\r\nHi\r\n").startswith("250")
    assert Message.objects.get().origin == "submission"
    with trusting.connect("submission") as client:
        assert client.say("XCLIENT LOGIN=nobody@contoso.example").startswith("535")
        client.ehlo()
        assert client.say("MAIL FROM:<alice@contoso.example>").startswith("530")
    with trusting.connect() as client:
        assert client.say("XCLIENT LOGIN=alice@contoso.example").startswith("502")


def test_another_listener_may_be_meant(trusting: Server) -> None:
    with trusting.connect() as client:
        port = trusting.ports["submission"]
        client.say(f"XCLIENT ADDR=203.0.113.7 DESTADDR=127.0.0.1 DESTPORT={port} LOGIN=alice@contoso.example")
        client.ehlo()
        client.envelope("alice@contoso.example", "bob@contoso.example")
        assert client.data(b"From: alice@contoso.example\r\n\r\nHi\r\n").startswith("250")
    with trusting.connect() as client:
        assert client.say("XCLIENT DESTPORT=1").startswith("421 4.3.2")


def test_the_protocol_log_tells_both_halves(trusting: Server) -> None:
    ReceiveConnector.objects.update(protocol_logging_level="verbose")
    trusting.reload()
    with trusting.connect() as client:
        client.say("XCLIENT ADDR=203.0.113.7")
        client.say("NOOP")
        client.say("QUIT")
    trusting.wait_until(lambda: ProtocolTranscript.objects.count() == 2)
    first, second = ProtocolTranscript.objects.order_by("id")
    assert (first.client_address, second.client_address) == ("127.0.0.1", "203.0.113.7")
    assert "XCLIENT ADDR=203.0.113.7" in str(first.lines)
    assert "NOOP" in str(second.lines)


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("ADDR=::ffff:203.0.113.7", Told(address="203.0.113.7")),
        ("addr=ipv6:2001:DB8::1 proto=smtp", Told(address="2001:db8::1", is_extended=False)),
        ("NAME=[TEMPUNAVAIL] ADDR=[unavailable]", Told(name="", address="")),
        ("HELO=a+2Bb LOGIN=j+C3+B6rg@y.example", Told(helo="a+b", login="jörg@y.example")),
    ],
)
def test_attributes_are_read(argument: str, told: Told) -> None:
    assert parse_xclient(argument) == told


@pytest.mark.parametrize(
    "argument",
    [
        *("", "ADDR", "ADDR=", "ADDR=x", "ADDR=IPV6:192.0.2.1", "ADDR=1.2.3.4 ADDR=1.2.3.4", "WHO=x", "PROTO=LMTP"),
        *("NAME=a+0Ab", "NAME=a+20b", "NAME=<script>", "PORT=0", "PORT=x", "PORT=70000", "LOGIN=+FF", "HELO=a=b"),
        "HELO=" + "x" * 300,
    ],
)
def test_nonsense_is_refused(argument: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_xclient(argument)
    assert refused.value.reply.code == 501
