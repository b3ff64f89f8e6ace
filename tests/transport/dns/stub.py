"""A small scripted DNS server on loopback, UDP and TCP on one port, that can also lie, fail and keep silent."""

from __future__ import annotations

import asyncio
import struct
from enum import Enum
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from typing_extensions import override

from transport.dns.resolver import Resolver


class Fault(Enum):
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    SILENT = "silent"
    TRUNCATED = "truncated, full answer by TCP"
    TRUNCATED_WITHOUT_TCP = "truncated, and TCP hangs up"
    GARBAGE = "not a DNS message"
    OTHER_NAME = "an answer for another name"
    OTHER_ID = "an answer with another id"


class StubDns:
    """Answers what `add` was told, NXDOMAIN for names it never heard of, and misbehaves where `fail` says so."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.faults: dict[tuple[str, str], Fault] = {}
        self.queries: list[tuple[str, str, str]] = []
        self.ttl = 60
        self.address = ("127.0.0.1", 0)

    def add(self, name: str, rdtype: str, *values: str) -> None:
        self.records.setdefault((_key(name), rdtype), []).extend(values)

    def fail(self, name: str, rdtype: str, fault: Fault) -> None:
        self.faults[_key(name), rdtype] = fault

    def resolver(self, timeout: float = 0.3, lifetime: float = 0.8) -> Resolver:
        return Resolver([self.address], timeout=timeout, lifetime=lifetime)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", 0)
        self.address = self._tcp.sockets[0].getsockname()[:2]
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=self.address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._udp.close()
        self._tcp.close()
        await asyncio.sleep(0)

    def answer(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        name, rdtype = _key(query.question[0].name.to_text()), dns.rdatatype.to_text(query.question[0].rdtype)
        self.queries.append((name, rdtype, transport))
        fault = self.faults.get((name, rdtype))
        if fault is not None and (transport == "udp" or fault is not Fault.TRUNCATED):
            return _faulty(query, fault, transport)
        return self._honest(query, name, rdtype).to_wire()

    def _honest(self, query: dns.message.Message, name: str, rdtype: str) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        if not any(known == name for known, _ in [*self.records, *self.faults]):
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif values := self.records.get((name, rdtype)):
            response.answer.append(dns.rrset.from_text(query.question[0].name, self.ttl, "IN", rdtype, *values))
        else:
            self._follow(response, name, rdtype)
        return response

    def _follow(self, response: dns.message.Message, name: str, rdtype: str) -> None:
        """Add the aliases and, as a recursive server would, what they lead to."""
        for _ in range(20):
            if not (target := self.records.get((name, "CNAME"))):
                break
            response.answer.append(dns.rrset.from_text(dns.name.from_text(name), self.ttl, "IN", "CNAME", target[0]))
            name = _key(target[0])
        if values := self.records.get((name, rdtype)):
            response.answer.append(dns.rrset.from_text(dns.name.from_text(name), self.ttl, "IN", rdtype, *values))

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            if response := self.answer(await reader.readexactly(length), "tcp"):
                writer.write(struct.pack("!H", len(response)) + response)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, stub: StubDns) -> None:
        self._stub = stub

    @override
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if response := self._stub.answer(data, "udp"):
            self._transport.sendto(response, addr)


def _faulty(query: dns.message.Message, fault: Fault, transport: str) -> bytes | None:
    response = dns.message.make_response(query)
    if fault is Fault.SILENT or (fault is Fault.TRUNCATED_WITHOUT_TCP and transport == "tcp"):
        return None
    if fault is Fault.GARBAGE:
        return response.to_wire()[:2] + b"\xff" * 40
    if fault in (Fault.TRUNCATED, Fault.TRUNCATED_WITHOUT_TCP):
        response.flags |= dns.flags.TC
    elif fault is Fault.OTHER_NAME:
        name = dns.name.from_text("other.example.")
        response.answer.append(dns.rrset.from_text(name, 60, "IN", query.question[0].rdtype, "10 evil.example."))
    elif fault is Fault.OTHER_ID:
        response.id ^= 1
    else:
        response.set_rcode(dns.rcode.from_text(fault.value))
    return response.to_wire()


def _key(name: str) -> str:
    return name.lower().rstrip(".")
