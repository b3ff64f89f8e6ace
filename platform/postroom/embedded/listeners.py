"""The listening sockets of the SMTP daemon: bound here, inherited by its processes (see transport.smtpd.inherited).

Each process has sockets of its own on the same ports (SO_REUSEPORT), among which the kernel spreads connections.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from postroom.embedded.errors import StartError
from transport.smtpd.inherited import InheritedListener, describe

BACKLOG = 1024
RETRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and port that we are told to listen on, and the variable that says otherwise."""

    name: str
    host: str
    port: int
    variable: str

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ipaddress.ip_address(self.host).version == 6 else socket.AF_INET

    @override
    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class ProcessSockets:
    """What one SMTP process inherits."""

    endpoints: Sequence[Endpoint]
    sockets: Sequence[socket.socket]

    @property
    def descriptors(self) -> tuple[int, ...]:
        return tuple(item.fileno() for item in self.sockets)

    @property
    def description(self) -> str:
        pairs = zip(self.endpoints, self.descriptors, strict=True)
        return describe(InheritedListener(item.name, item.host, item.port, number) for item, number in pairs)

    def close(self) -> None:
        for item in self.sockets:
            item.close()


def bind(endpoints: Sequence[Endpoint], *, processes: int, patience: float = 3.0) -> list[ProcessSockets]:
    """Bind every endpoint once per process, giving a predecessor that is just leaving `patience` seconds."""
    for endpoint in endpoints:
        check_free(endpoint, patience=patience)
    return [ProcessSockets(endpoints, [_listen(item) for item in endpoints]) for _ in range(processes)]


def check_free(endpoint: Endpoint, *, patience: float = 3.0) -> None:
    """Refuse an endpoint that cannot be ours alone: a bind with SO_REUSEPORT would share a neighbour's port."""
    deadline = time.monotonic() + patience
    while True:
        with _socket(endpoint) as probe:
            try:
                probe.bind((endpoint.host, endpoint.port))
                probe.listen(1)
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise StartError(_why(endpoint, error)) from None
        time.sleep(RETRY_SECONDS)


def _listen(endpoint: Endpoint) -> socket.socket:
    listening = _socket(endpoint)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((endpoint.host, endpoint.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartError(_why(endpoint, error)) from None
    return listening


def _socket(endpoint: Endpoint) -> socket.socket:
    made = socket.socket(endpoint.family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _why(endpoint: Endpoint, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{endpoint} is in use by another program: stop it, or set {endpoint.variable} to a free port."
    if error.errno == errno.EACCES:
        return f"Port {endpoint.port} is for root alone here: set {endpoint.variable} to 1024 or more."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{endpoint.host} is no address of this machine: set POSTROOM_BIND to one that is."
    return f"{endpoint} cannot be opened ({error.strerror}): set {endpoint.variable} or POSTROOM_BIND."
