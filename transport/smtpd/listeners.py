"""Where the daemon listens: what the enabled receive connectors say, on sockets inherited or bound here."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from transport.routing.receive import Binding
from transport.smtpd.connectors import ConnectorTable
from transport.smtpd.inherited import InheritedListener, inherited_listeners
from transport.smtpd.service import Service
from transport.smtpd.session import Session

logger = logging.getLogger(__name__)

BACKLOG = 1024


@dataclass(slots=True)
class _Listener:
    server: asyncio.Server
    implicit_tls: bool


class Listeners:
    """Open listeners by binding. Inherited sockets serve the binding that they were made for."""

    def __init__(self, service: Service, inherited: Iterable[InheritedListener] | None = None) -> None:
        self._service = service
        self._open: dict[Binding, _Listener] = {}
        self._inherited: dict[Binding, socket.socket] = {}
        for item in inherited_listeners() if inherited is None else inherited:
            self._inherited[Binding.parse(_endpoint(item.host, item.port))] = item.open()

    @property
    def bindings(self) -> list[Binding]:
        return list(self._open)

    async def apply(self, table: ConnectorTable) -> None:
        """Open what is wanted and not open, close what is open and not wanted."""
        wanted = _wanted(table)
        for binding in [*self._open]:
            listener = self._open[binding]
            if wanted.get(binding) is not listener.implicit_tls:
                await self._close(binding)
        for binding, implicit_tls in wanted.items():
            if binding not in self._open:
                await self._listen(binding, implicit_tls)

    async def close(self) -> None:
        for binding in [*self._open]:
            await self._close(binding)
        for inherited in self._inherited.values():
            inherited.close()

    async def _listen(self, binding: Binding, implicit_tls: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            listening = self._socket(binding)
        except OSError as error:
            # One binding that cannot be had must not silence the others.
            logger.error("Cannot listen on %s: %s", binding, error.strerror)
            return
        # TLS from the first byte is the session's own to begin: it counts the connection before it does.
        server = await loop.create_server(
            lambda: Session(self._service, loop, implicit_tls=implicit_tls), sock=listening, backlog=BACKLOG
        )
        self._open[binding] = _Listener(server, implicit_tls)
        logger.info("Listening on %s%s.", binding, " with TLS" if implicit_tls else "")

    def _socket(self, binding: Binding) -> socket.socket:
        inherited = self._inherited.get(binding)
        # A copy, so that the binding can be taken up again after its connector was disabled for a while.
        return inherited.dup() if inherited is not None else bind(binding)

    async def _close(self, binding: Binding) -> None:
        self._open.pop(binding).server.close()
        logger.info("No longer listening on %s.", binding)


def _wanted(table: ConnectorTable) -> dict[Binding, bool]:
    """Return the bindings of all connectors, and whether TLS begins with the first byte there."""
    wanted: dict[Binding, bool] = {}
    for connector in table.listening.values():
        for text in connector.bindings:
            binding = table.binding(text)
            wanted[binding] = wanted.get(binding, False) or connector.implicit_tls
    return wanted


def bind(binding: Binding) -> socket.socket:
    """Bind for ourselves; several daemons may share a port."""
    family = socket.AF_INET6 if binding.address.version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((str(binding.address), binding.port))
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
