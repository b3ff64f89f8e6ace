"""A daemon on loopback, in a thread of its own, and a client that says what it is told to say."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import pytest
import uvloop
from django.db import connection

from tests import factories
from tests.conftest import Contoso
from transport.authentication.scram import make_verifier
from transport.models import ReceiveConnector
from transport.pressure.pressure import Pressure
from transport.routing.receive import Binding
from transport.smtpd.certificate import Certificate
from transport.smtpd.daemon import Daemon
from transport.smtpd.inherited import InheritedListener
from transport.smtpd.service import Service

PASSWORD = "correct horse battery"
NAMES = ("smtp", "submission", "submissions")


class Server:
    """A running daemon; `port` is by name of the platform's own ports."""

    def __init__(
        self,
        folder: Path,
        ports: Mapping[str, int] | None = None,
        inherited: Iterable[InheritedListener] = (),
        pressure: Pressure | None = None,
    ) -> None:
        self.ports = {name: free_port() for name in NAMES} | dict(ports or {})
        self._inherited = inherited
        self._pressure = pressure
        self._is_stopped = False
        self._folder = folder
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtpd")
        self.daemon: Daemon

    def start(self) -> None:
        self._thread.start()
        self.call(self._start())

    async def _start(self) -> None:
        bindings = {name: Binding(ip_address("127.0.0.1"), port) for name, port in self.ports.items()}
        certificate = Certificate(self._folder / "certificates", "mail.contoso.example")
        self.daemon = Daemon(Service(ports=bindings, certificate=certificate, pressure=self._pressure), self._inherited)
        await self.daemon.start()
        await asyncio.wait_for(self.daemon.watch.loaded.wait(), 10)

    def call(self, coroutine: object, timeout: float = 15) -> object:
        running: Future[object] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)  # type: ignore[arg-type]
        return running.result(timeout)

    def stop(self, grace: float = 5.0) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            try:
                self.call(self.daemon.stop(grace))
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(10)
                self._loop.close()

    def reload(self) -> None:
        """Tell the daemon that receive connectors changed, as the actions do, and wait until it knows."""
        before = self.daemon.service.table
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('postroom_config', 'platform')")
        self.wait_until(lambda: self.daemon.service.table is not before)

    def wait_until(self, condition: Callable[[], object], timeout: float = 10) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    def connect(self, name: str = "smtp") -> Client:
        return Client(self.ports[name], tls=name == "submissions")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """Says lines and hears replies, nothing else."""

    def __init__(
        self, port: int, *, tls: bool | ssl.SSLContext = False, first: bytes = b"", source: str = "127.0.0.1"
    ) -> None:
        self.socket: socket.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=15, source_address=(source, 0)
        )
        self.socket.sendall(first)
        if tls:
            context = tls if isinstance(tls, ssl.SSLContext) else tls_context()
            self.socket = context.wrap_socket(self.socket)
        self._file = self.socket.makefile("rb")
        self.greeting = self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def hear(self) -> str:
        """Return one reply, lines joined by a newline; empty when the server has closed."""
        lines = []
        while line := self._file.readline().decode():
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def say(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.hear()

    def ehlo(self) -> str:
        return self.say("EHLO client.example")

    def start_tls(self) -> None:
        self.ehlo()
        assert self.say("STARTTLS").startswith("220")
        self.wrap()
        self.ehlo()

    def wrap(self) -> None:
        """Shake hands for TLS."""
        self.socket = tls_context().wrap_socket(self.socket)
        self._file = self.socket.makefile("rb")

    def log_in(self, address: str, password: str = PASSWORD) -> str:
        return self.say("AUTH PLAIN " + b64encode(f"\0{address}\0{password}".encode()).decode())

    def envelope(self, sender: str, *recipients: str) -> list[str]:
        return [self.say(f"MAIL FROM:<{sender}>"), *(self.say(f"RCPT TO:<{one}>") for one in recipients)]

    def data(self, content: bytes) -> str:
        """Send the content with its end; the caller has stuffed its dots."""
        reply = self.say("DATA")
        if not reply.startswith("354"):
            return reply
        self.send(content + b".\r\n")
        return self.hear()


CONTENT = b"From: x@y.example\r\nTo: ann@contoso.example\r\nMessage-ID: <1@y.example>\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture
def connectors(transactional_db: None) -> dict[str, ReceiveConnector]:
    users: dict[str, Any] = {"permission_groups": ["exchange_users"], "tarpit_interval": timedelta(0)}
    users["auth_mechanisms"] = ["tls", "basic_auth_require_tls"]
    strangers: dict[str, Any] = {"auth_mechanisms": ["tls"], "permission_groups": ["anonymous_users"]}
    strangers["tarpit_interval"] = timedelta(0)
    users["max_inbound_connections_percentage_per_source"] = 100
    strangers["max_inbound_connections_percentage_per_source"] = 100
    return {
        "smtp": factories.make_receive_connector(name="Default", bindings=["smtp"], **strangers),
        "submission": factories.make_receive_connector(name="Client", bindings=["submission"], **users),
        "submissions": factories.make_receive_connector(
            name="Client TLS", bindings=["submissions"], implicit_tls=True, **users
        ),
    }


@pytest.fixture
def alice(contoso: Contoso) -> Contoso:
    """Alice may log in."""
    contoso.alice_mailbox.verifier = make_verifier(PASSWORD)
    contoso.alice_mailbox.save()
    return contoso


@pytest.fixture
def make_server(tmp_path: Path, connectors: dict[str, ReceiveConnector]) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def make(**options: Any) -> Server:
        server = Server(tmp_path, **options)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def server(alice: Contoso, make_server: Callable[..., Server]) -> Server:
    """A daemon with the usual listeners, for contoso."""
    return make_server()


Limited = Callable[..., Server]


@pytest.fixture
def limited(connectors: dict[str, ReceiveConnector], server: Server) -> Limited:
    """A daemon whose relay-in connector has these settings."""

    def apply(**fields: Any) -> Server:
        ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(**fields)
        server.reload()
        return server

    return apply
