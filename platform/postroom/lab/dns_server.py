"""The lab's DNS server: RFC 1035 over UDP and TCP on one loopback port, answering from an Authority."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
from typing_extensions import override

from postroom.lab.authority import Authority
from postroom.lab.config import Endpoint

log = logging.getLogger(__name__)

UDP_SIZE = 512  # RFC 1035 section 4.2.1, for askers without EDNS
EDNS_SIZE = 1232
IDLE_SECONDS = 10.0


class DnsServer:
    """Answers until stopped. Questions that are no DNS are dropped, as a quiet server does."""

    def __init__(self, endpoint: Endpoint, authority: Authority) -> None:
        self.endpoint = endpoint
        self._authority = authority
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        host, port = self.endpoint
        self._tcp = await asyncio.start_server(self._converse, host, port)
        try:
            loop = asyncio.get_running_loop()
            self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=self.endpoint)
        except OSError:
            self._tcp.close()
            raise

    async def stop(self) -> None:
        self._udp.close()
        self._tcp.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._tcp.wait_closed()

    def answer(self, question: bytes, *, datagram: bool) -> bytes | None:
        """Return the response in wire format; None where there is none."""
        try:
            query = dns.message.from_wire(question)
        except (dns.exception.DNSException, ValueError) as error:
            log.debug("dropped what is no question: %s", error)
            return None
        if query.flags & dns.flags.QR:
            return None
        response = self._authority.respond(query)
        return None if response is None else _wire(query, response, datagram=datagram)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                while True:
                    await self._take_one(reader, writer)
        except asyncio.CancelledError:
            return  # only `stop` does that; asyncio's own callback would report a cancelled task as a fault
        finally:
            self._connections.discard(task)
            writer.close()

    async def _take_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(IDLE_SECONDS):
            length = int.from_bytes(await reader.readexactly(2), "big")
            question = await reader.readexactly(length)
        response = self.answer(question, datagram=False)
        if response is None:
            raise ConnectionAbortedError
        writer.write(len(response).to_bytes(2, "big") + response)
        await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asyncio.DatagramTransport by class: before Python 3.12 the loop's own does not derive from it.
        self._transport = cast(asyncio.DatagramTransport, transport)

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self._server.answer(data, datagram=True)
        if response is not None:
            self._transport.sendto(response, addr)


def _wire(query: dns.message.Message, response: dns.message.Message, *, datagram: bool) -> bytes:
    if not datagram:
        return response.to_wire(max_size=65535)
    size = min(max(query.payload, UDP_SIZE), EDNS_SIZE) if query.edns >= 0 else UDP_SIZE
    try:
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        short = dns.message.make_response(query, our_payload=EDNS_SIZE)
        short.flags |= dns.flags.TC
        return short.to_wire(max_size=size)
