"""Slow clients are cut in time, good ones are served meanwhile; when all places are taken, sooner (reliability PF6)."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest

from tests.transport.smtpd.conftest import CONTENT, Client, Limited, Server
from transport.models import Message, ReceiveConnector
from transport.smtpd.pace import LEAST, WINDOW, Pace

pytestmark = pytest.mark.django_db(transaction=True)


def drip(client: Client, raw: bytes, patience: float = 10.0) -> str:
    """Send an octet now and then, until the server says something."""
    client.socket.settimeout(0.1)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            return client.socket.recv(1000).decode()
        except TimeoutError:
            client.send(raw)
    return ""


@pytest.mark.slow
def test_octets_that_come_singly_keep_no_connection(limited: Limited) -> None:
    server = limited(connection_inactivity_timeout=timedelta(seconds=1))
    with server.connect() as client:
        assert drip(client, b"N").startswith("421 4.4.2 Timeout")
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.say("DATA")
        assert drip(client, b"y").startswith("421 4.4.2 Timeout")
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT 1000 LAST\r\n")
        assert drip(client, b"y").startswith("421 4.4.2 Timeout")
    with server.connect("submissions") as client, server.connect() as other:
        other.ehlo()
        assert client.ehlo().startswith("250")
    assert not Message.objects.exists()


@pytest.mark.slow
def test_a_client_that_keeps_a_pace_comes_to_its_end(limited: Limited) -> None:
    server = limited(connection_inactivity_timeout=timedelta(seconds=1))
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.say("DATA")
        client.send(CONTENT)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            client.send(b"y" * 70 + b"\r\n")
            time.sleep(0.05)
        client.send(b".\r\n")
        assert client.hear().startswith("250 2.6.0")


def test_pace_is_looked_at_over_a_window_and_not_where_it_is_us_who_hold_up() -> None:
    pace = Pace(0.0, 0)
    assert not pace.is_too_slow(WINDOW - 1, 0, 300.0, is_held_up=False)
    assert not pace.is_too_slow(WINDOW, int(LEAST * WINDOW), 300.0, is_held_up=False)
    assert not pace.is_too_slow(2 * WINDOW, int(LEAST * WINDOW), 300.0, is_held_up=True)
    assert pace.is_too_slow(3 * WINDOW, int(LEAST * WINDOW) + 10, 300.0, is_held_up=False)
    assert Pace(0.0, 0).is_too_slow(8.0, 100, 8.0, is_held_up=False), "under pressure there is less patience"


@pytest.mark.slow  # it lasts as long as an idle client is tolerated
def test_pf6_when_all_places_are_taken_idle_ones_make_room_within_ten_seconds(limited: Limited) -> None:
    server = limited(max_inbound_connections=10)
    idle = [server.connect() for _ in range(8)]
    half, unread = server.connect(), server.connect()
    half.ehlo()
    half.envelope("x@y.example", "bob@contoso.example")
    half.say("DATA")
    half.send(b"y")
    unread.send(b"EHLO client.example\r\n" * 90)
    started = time.monotonic()
    with server.connect() as newcomer:
        assert newcomer.greeting.startswith("220"), newcomer.greeting
        assert time.monotonic() - started < 10.5
        newcomer.ehlo()
        newcomer.envelope("x@y.example", "bob@contoso.example")
        assert newcomer.data(CONTENT).startswith("250 2.6.0")
    assert {client.hear()[:9] for client in idle} == {"421 4.4.2"}
    assert half.hear().startswith("421 4.4.2")
    for client in (*idle, half, unread):
        client.__exit__()


@pytest.mark.slow
def test_who_comes_when_all_are_busy_is_told_to_come_again(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transport.smtpd.crowd.PATIENCE", 0.5)
    server = limited(max_inbound_connections=1, tarpit_interval=timedelta(seconds=4), max_protocol_errors=5)
    with server.connect() as busy:
        busy.ehlo()
        busy.say("MAIL FROM:<>")
        busy.send(b"RCPT TO:<nobody@contoso.example>\r\n" * 3)
        with server.connect() as newcomer:
            assert newcomer.greeting.startswith("421 4.3.2 All connections are in use")
            assert newcomer.hear() == ""


def test_a_place_that_becomes_free_goes_to_who_waits(limited: Limited) -> None:
    server = limited(max_inbound_connections=1)
    first = server.connect()
    waiting = Waiting(server)
    server.wait_until(lambda: len(server.daemon.service.crowd.sessions) == 2)
    assert first.say("QUIT").startswith("221")
    first.__exit__()
    assert waiting.greeting().startswith("220")
    waiting.close()
    server.wait_until(lambda: not server.daemon.service.crowd.sessions)
    with server.connect() as again:
        assert again.greeting.startswith("220")


def test_who_is_reset_while_waiting_for_a_place_takes_none_with_it(limited: Limited) -> None:
    server = limited(max_inbound_connections=1)
    crowd = server.daemon.service.crowd
    first = server.connect()
    waiting = Waiting(server)
    server.wait_until(lambda: len(crowd.sessions) == 2)
    waiting.reset()
    server.wait_until(lambda: any(session.stream is None for session in [*crowd.sessions]))
    assert first.say("QUIT").startswith("221")
    first.__exit__()
    with server.connect() as again:
        assert again.greeting.startswith("220")
    server.wait_until(lambda: not crowd.sessions)


class Waiting:
    """A connection whose greeting is not waited for."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=15)

    def greeting(self) -> str:
        return self._socket.recv(1000).decode()

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


def test_under_pressure_one_error_is_forgiven(limited: Limited) -> None:
    server = limited(max_inbound_connections=1, max_protocol_errors=5)
    with server.connect() as client:
        assert client.say("NONSENSE").startswith("500")
        assert client.say("NONSENSE").startswith("500")
        assert client.hear().startswith("421 4.7.0")


@pytest.mark.slow
def test_handshakes_that_never_end_are_connections_too(connectors: dict[str, ReceiveConnector], server: Server) -> None:
    ReceiveConnector.objects.filter(pk=connectors["submissions"].pk).update(
        max_inbound_connections_per_source=3, connection_inactivity_timeout=timedelta(seconds=1)
    )
    server.reload()
    address = ("127.0.0.1", server.ports["submissions"])
    with ExitStack() as stack:
        silent = [stack.enter_context(closing(socket.create_connection(address, timeout=15))) for _ in range(3)]
        server.wait_until(lambda: len(server.daemon.service.crowd.sessions) == 3)
        with closing(socket.create_connection(address, timeout=15)) as fourth:
            assert fourth.recv(100) == b"", "nothing is said in clear text where TLS comes first"
        for one in silent:
            assert ended(one)
    server.wait_until(lambda: not server.daemon.service.crowd.sessions)
    with server.connect("submissions") as client:
        assert client.greeting.startswith("220")


def ended(connection: Any) -> bool:
    try:
        return not connection.recv(100)
    except ConnectionError:
        return True
