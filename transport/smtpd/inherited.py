"""Listening sockets that a supervisor has opened and this process inherits.

They stay open over our restarts: a connection that comes meanwhile waits in the kernel instead of being reset, and
ports below 1024 need no privilege here. POSTROOM_LISTEN_FDS names each as `name=host:port=descriptor`, separated by
commas; the host stands in brackets where it is IPv6. Where the variable is absent, a process binds for itself.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass

VARIABLE = "POSTROOM_LISTEN_FDS"


@dataclass(frozen=True, slots=True)
class InheritedListener:
    name: str
    host: str
    port: int
    descriptor: int

    def open(self) -> socket.socket:
        """Take over the socket. Close it to stop listening; `shutdown` would end it for the supervisor too."""
        listening = socket.socket(fileno=self.descriptor)
        listening.setblocking(False)
        return listening


def inherited_listeners(value: str | None = None) -> list[InheritedListener]:
    """Read the variable; raise ValueError, naming it, where it is not in its form."""
    text = os.environ.get(VARIABLE, "") if value is None else value
    return [_parse(item) for item in text.split(",") if item]


def describe(listeners: Iterable[InheritedListener]) -> str:
    """Write the variable."""
    return ",".join(f"{item.name}={_host(item.host)}:{item.port}={item.descriptor}" for item in listeners)


def _parse(item: str) -> InheritedListener:
    try:
        name, endpoint, descriptor = item.split("=")
        host, port = endpoint.rsplit(":", 1)
        return InheritedListener(name, host.strip("[]"), int(port), int(descriptor))
    except ValueError:
        raise ValueError(f"{VARIABLE} holds {item!r}; write name=host:port=descriptor.") from None


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
