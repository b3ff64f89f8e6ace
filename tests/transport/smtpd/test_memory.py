"""The daemon's memory stays within bounds whatever its clients send, or refuse to read."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client
from tests.transport.smtpd.process import MEBIBYTE, DaemonProcess
from transport.models import Message, ReceiveConnector

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def daemon(alice: Contoso, connectors: dict[str, ReceiveConnector], tmp_path: Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path) as running:
        yield running


def push(client: Client, block: bytes, size: int, patience: float = 1.0) -> int:
    """Send so many octets, as long as they are taken and the connection lasts; return how many went out."""
    client.socket.setblocking(False)
    sent = 0
    while sent < size:
        if not select.select([], [client.socket], [], patience)[1]:
            break
        try:
            sent += client.socket.send(block)
        except OSError:
            break
    return sent


def in_data(daemon: DaemonProcess, source: str = "127.0.0.1") -> Client:
    client = daemon.connect(source=source)
    client.ehlo()
    client.envelope("x@y.example", "bob@contoso.example")
    assert client.say("DATA").startswith("354")
    return client


def assert_serves(daemon: DaemonProcess, within: float = 5.0) -> None:
    started = time.monotonic()
    with daemon.connect(source="127.0.0.9") as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250 2.6.0")
    assert time.monotonic() - started < within


def test_no_one_client_takes_more_than_64_mib(daemon: DaemonProcess) -> None:
    assert_serves(daemon)
    before = daemon.peak
    floods: dict[str, Callable[[Client], object]] = {
        "content without a line end": lambda client: push(client, b"y" * 65_536, 150 * MEBIBYTE),
        "content of short lines": lambda client: push(client, b"y\r\n" * 20_000, 60 * MEBIBYTE),
        "half an end of data": lambda client: push(client, b"\r\n." * 20_000, 60 * MEBIBYTE),
    }
    for flood in floods.values():
        with in_data(daemon) as client:
            flood(client)
    with daemon.connect() as client:
        push(client, b"x" * 65_536, 100 * MEBIBYTE)
    with daemon.connect() as client:
        push(client, b"NOOP " + b"x" * 60_000, 50 * MEBIBYTE)
    with daemon.connect() as client:
        client.ehlo()
        push(
            client, b"MAIL FROM:<x@y.example> SIZE=1\r\nRCPT TO:<bob@contoso.example>\r\nRSET\r\n" * 500, 20 * MEBIBYTE
        )
    assert daemon.peak - before < 64 * MEBIBYTE
    assert_serves(daemon)


def test_300_clients_that_read_no_replies_hold_up_nobody(daemon: DaemonProcess) -> None:
    before = daemon.peak
    with ExitStack() as stack:
        for number in range(300):
            client = stack.enter_context(daemon.connect(source=f"127.0.1.{number // 15 + 1}"))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            push(client, b"EHLO client.example\r\n" * 2_000, 80_000, patience=0)
        assert_serves(daemon)
        assert daemon.peak - before < 64 * MEBIBYTE


def test_500_idle_connections_take_less_than_50_mib(daemon: DaemonProcess) -> None:
    """Half of the design's figure (§10), as a test process may not have a thousand sockets."""
    assert_serves(daemon)
    before = daemon.peak
    with ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect(source=f"127.0.1.{number // 20 + 1}")) for number in range(500)]
        assert clients[0].ehlo().startswith("250")
        assert daemon.peak - before < 50 * MEBIBYTE
        assert_serves(daemon)


def test_half_sent_messages_of_many_clients_go_to_files(daemon: DaemonProcess) -> None:
    """Each has less than what goes to a file by itself; together they have far more than the daemon may."""
    before = daemon.peak
    with ExitStack() as stack:
        clients = [stack.enter_context(in_data(daemon, f"127.0.1.{number // 15 + 1}")) for number in range(450)]
        for client in clients:
            client.send(CONTENT + b"y" * 240_000 + b"\r\n")
        assert_serves(daemon)
        assert daemon.peak - before < 120 * MEBIBYTE
        for client in clients[::50]:
            client.send(b".\r\n")
            assert client.hear().startswith("250 2.6.0"), daemon.output
    assert Message.objects.count() == 1 + len(clients[::50])


def test_large_messages_at_once_are_kept_on_disk(daemon: DaemonProcess) -> None:
    before = daemon.peak
    with ExitStack() as stack:
        clients = [stack.enter_context(in_data(daemon)) for _ in range(12)]
        for client in clients:
            client.send(CONTENT)
        block = (b"y" * 76 + b"\r\n") * 13_000
        for _ in range(15):
            for client in clients:
                client.send(block)
        waiting = daemon.peak - before
        assert waiting < 64 * MEBIBYTE
        assert_serves(daemon)
        for client in clients[:3]:
            client.send(b".\r\n")
        for client in clients[:3]:
            assert client.hear().startswith("250 2.6.0")
    assert daemon.peak - before < 400 * MEBIBYTE
