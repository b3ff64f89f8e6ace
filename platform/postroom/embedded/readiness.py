"""Questions that say whether a program serves: a DNS query, an SMTP greeting, `/readyz`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.exception
import dns.message

PATIENCE = 3.0
LARGEST_ANSWER = 65536


async def dns_answers(host: str, port: int) -> bool:
    query = dns.message.make_query("example.", "SOA")
    try:
        await dns.asyncquery.udp(query, host, port=port, timeout=PATIENCE)
    except (OSError, dns.exception.DNSException):
        return False
    return True


async def smtp_greets(host: str, port: int) -> bool:
    """Wait for the greeting: the port alone is open before there is anybody behind it."""
    try:
        async with asyncio.timeout(PATIENCE), _connection(host, port) as (reader, writer):
            greeting = await reader.readline()
            writer.write(b"QUIT\r\n")
            return greeting.startswith(b"220")
    except (OSError, TimeoutError, ValueError):
        return False


async def silent_parts(host: str, port: int) -> list[str] | None:
    """Return which parts `/readyz` calls not ready, with why; None while the web process itself does not answer."""
    try:
        async with asyncio.timeout(2 * PATIENCE), _connection(host, port) as (reader, writer):
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = await reader.read(LARGEST_ANSWER)
            while piece := await reader.read(LARGEST_ANSWER):
                answer += piece
    except (OSError, TimeoutError):
        return None
    return _parse(answer)


def _parse(answer: bytes) -> list[str] | None:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status == [b"200"]:
        return []
    try:
        checks = json.loads(body)["checks"]
        return [f"{check['name']} {check['detail']}" for check in checks if not check["ok"]]
    except (ValueError, KeyError, TypeError):
        return [f"/readyz answers with status {b''.join(status).decode(errors='replace') or 'none'}"]


@contextlib.asynccontextmanager
async def _connection(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
