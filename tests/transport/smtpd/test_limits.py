"""Limits of receive connectors: what is too much is refused in step, and nobody is held up by it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from tests.transport.smtpd.conftest import CONTENT, Client, Limited, Server
from transport.models import Message, ReceiveConnector

pytestmark = pytest.mark.django_db(transaction=True)


def test_content_above_the_limit_is_refused_at_its_end(limited: Limited) -> None:
    with limited(max_message_size=100_000).connect() as client:
        assert "SIZE 100000" in client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert (
            client.data(CONTENT + b"y" * 300_000 + b"\r\n")
            == "552 5.3.4 Message size exceeds fixed maximum message size"
        )
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250")


def test_chunks_above_the_limit_are_refused_in_step(limited: Limited) -> None:
    with limited(max_message_size=100_000).connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        for _ in range(3):
            client.send(b"BDAT 50000\r\n" + b"y" * 50_000)
            assert client.hear().startswith("250")
        assert client.say("BDAT 0 LAST").startswith("552 5.3.4")
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250")


def test_content_without_an_end_is_cut_off(limited: Limited) -> None:
    with limited(max_message_size=100_000).connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.say("DATA")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.send(b"y" * 100_000_000)


def test_content_that_is_too_long_for_memory_comes_through_whole(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        long = CONTENT + (b"." + b"z" * 76 + b"\r\n") * 20_000
        assert client.data(long.replace(b"\r\n.", b"\r\n..")).startswith("250 2.6.0")
    assert Message.objects.get().size > len(long)


def test_recipients_above_the_limit_are_refused_and_the_rest_gets_the_message(limited: Limited) -> None:
    with limited(max_recipients_per_message=2).connect() as client:
        client.ehlo()
        replies = client.envelope("x@y.example", *["bob@contoso.example"] * 3)
        assert replies[-1] == "452 4.5.3 Too many recipients"
        assert client.data(CONTENT).startswith("250")


def test_a_message_that_went_round_in_circles_is_refused(limited: Limited) -> None:
    with limited(max_hop_count=30).connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        hops = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        assert client.data(hops * 31 + CONTENT).startswith("554 5.4.6")
        client.envelope("x@y.example", "bob@contoso.example")
        local = b"Received: from a by mail.contoso.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        assert client.data(local * 9 + CONTENT).startswith("554 5.4.6")
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(hops * 30 + CONTENT).startswith("250")


def test_a_header_above_the_limit_is_refused(limited: Limited) -> None:
    with limited(max_header_size=65_536).connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(b"X: y\r\n" * 20_000 + CONTENT).startswith("552 5.3.4 Header size")


def test_too_many_errors_end_the_connection(limited: Limited) -> None:
    with limited(max_protocol_errors=3).connect() as client:
        assert [client.say("NONSENSE")[:3] for _ in range(3)] == ["500"] * 3
        assert client.say("NONSENSE").startswith("500")
        assert client.hear().startswith("421 4.7.0")
        assert client.hear() == ""


def test_a_flood_of_idle_commands_is_cut(server: Server) -> None:
    with server.connect() as client:
        client.send(b"RSET\r\n" * 5_000)
        replies = [client.hear() for _ in range(101)]
        assert replies[:100] == ["250 2.0.0 Resetting"] * 100
        assert replies[100].startswith("421")


def test_guessing_recipients_is_cut(limited: Limited) -> None:
    with limited().connect() as client:
        client.ehlo()
        client.say("MAIL FROM:<>")
        replies = [client.say(f"RCPT TO:<nobody{n}@contoso.example>") for n in range(51)]
        assert {reply[:9] for reply in replies} == {"550 5.1.1"}
        assert client.hear().startswith("421")


def test_strangers_wait_after_mistakes(limited: Limited) -> None:
    with limited(tarpit_interval=timedelta(seconds=0.3)).connect() as client:
        client.ehlo()
        client.say("MAIL FROM:<>")
        waits = []
        for n in range(4):
            started = time.monotonic()
            client.say(f"RCPT TO:<nobody{n}@contoso.example>")
            waits.append(time.monotonic() - started)
    assert waits[0] < 0.25
    assert waits[-1] > 0.25


def test_connections_of_one_source_are_counted(limited: Limited) -> None:
    server = limited(max_inbound_connections_per_source=2)
    with server.connect() as first, server.connect():
        with server.connect() as third:
            assert third.greeting.startswith("421 4.7.0")
        assert first.say("NOOP").startswith("250")
    server.wait_until(lambda: not server.daemon.service.crowd.sessions)
    with server.connect() as again:
        assert again.greeting.startswith("220")


def test_silence_ends_the_connection(limited: Limited) -> None:
    with limited(connection_inactivity_timeout=timedelta(seconds=1)).connect() as client:
        assert client.greeting.startswith("220")
        assert client.hear().startswith("421 4.4.2")
        assert client.hear() == ""


def test_nobody_is_served_whom_no_connector_covers(limited: Limited) -> None:
    with limited(remote_ranges=["192.0.2.0/24"]).connect() as client:
        assert client.greeting.startswith("421 4.3.2")


def test_messages_of_one_address_are_limited_by_the_minute(limited: Limited) -> None:
    server = limited(message_rate_limit=3)
    with server.connect() as client, Client(server.ports["smtp"], source="127.0.0.2") as other:
        for each in (client, other):
            each.ehlo()
        for _ in range(3):
            client.envelope("x@y.example", "bob@contoso.example")
            assert client.data(CONTENT).startswith("250 2.6.0")
        assert client.say("MAIL FROM:<x@y.example>") == "451 4.7.0 Message rate limit exceeded, try again later"
        assert client.say("RCPT TO:<bob@contoso.example>").startswith("503")
        assert other.say("MAIL FROM:<x@y.example>").startswith("250")
    assert Message.objects.count() == 3


def test_messages_of_one_user_are_limited_wherever_they_come_from(
    connectors: dict[str, ReceiveConnector], server: Server
) -> None:
    fields = {"message_rate_limit": 2, "message_rate_source": "user"}
    ReceiveConnector.objects.filter(pk=connectors["submissions"].pk).update(**fields)
    server.reload()
    replies = []
    for number in range(3):
        with Client(server.ports["submissions"], tls=True, source=f"127.0.0.{number + 2}") as client:
            client.ehlo()
            client.log_in("alice@contoso.example")
            replies.append(client.say("MAIL FROM:<alice@contoso.example>")[:9])
    assert replies == ["250 2.1.0", "250 2.1.0", "451 4.7.0"]
