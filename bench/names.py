"""A DNS server for the bench: each `dN.spread.example` is a host of its own on loopback, and nothing else exists."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType
from typing import Final, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SPREAD: Final = "spread.example"
DESTINATIONS: Final = 500
_HOST: Final = re.compile(rf"d(\d+)\.{re.escape(SPREAD)}\.")


def address_of(number: int) -> str:
    """Return where the destination of this number lies: all on loopback, each on an address of its own."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


class Names:
    """Answers on a thread of its own, from start to end of a `with`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def server(self) -> str:
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(timeout=5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                question, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not question:
                return
            self._socket.sendto(_answer(question), client)


def _answer(question: bytes) -> bytes:
    query = dns.message.from_wire(question)
    response = dns.message.make_response(query, recursion_available=True)
    asked = query.question[0]
    host = _HOST.fullmatch(asked.name.to_text())
    if host is None:
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif asked.rdtype == dns.rdatatype.A:
        response.answer.append(dns.rrset.from_text(asked.name, 3600, "IN", "A", address_of(int(host[1]))))
    return response.to_wire()
