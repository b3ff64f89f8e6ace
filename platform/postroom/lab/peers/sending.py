"""A plain SMTP client for the answers of a peer: one message, one recipient, no extension but SMTPUTF8."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from contextlib import suppress

from postroom.lab.config import Endpoint

SECONDS_FOR_A_REPLY = 30.0
MAX_REPLY_LINES = 100


class NotSent(Exception):
    """No server took the message; the text is the last one's answer."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.is_permanent = 500 <= code <= 599


async def send(
    endpoints: Sequence[Endpoint], *, helo: str, source: str, sender: str, recipient: str, content: bytes
) -> None:
    """Try each server in turn; raise NotSent with the last answer where none takes it."""
    failure = NotSent(f"{recipient}: no mail host found")
    for endpoint in endpoints:
        try:
            await _send_to(endpoint, helo, source, sender, recipient, content)
            return
        except NotSent as refusal:
            failure = refusal
            if refusal.is_permanent:
                break
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            failure = NotSent(f"{endpoint[0]}:{endpoint[1]}: {str(error) or type(error).__name__}")
    raise failure


async def _send_to(endpoint: Endpoint, helo: str, source: str, sender: str, recipient: str, content: bytes) -> None:
    host, port = endpoint
    local = (source, 0) if ipaddress.ip_address(host).version == 4 else None
    async with asyncio.timeout(SECONDS_FOR_A_REPLY):
        reader, writer = await asyncio.open_connection(host, port, local_addr=local)
    try:
        await _expect(reader, 220)
        await _command(reader, writer, f"EHLO {helo}", 250)
        utf8 = "" if (sender + recipient).isascii() else " SMTPUTF8"
        await _command(reader, writer, f"MAIL FROM:<{sender}>{utf8}", 250)
        await _command(reader, writer, f"RCPT TO:<{recipient}>", 250)
        await _command(reader, writer, "DATA", 354)
        writer.write(_dotted(content))
        await _expect(reader, 250)
        with suppress(NotSent, OSError, EOFError, TimeoutError):
            await _command(reader, writer, "QUIT", 221)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str, wanted: int) -> None:
    writer.write(line.encode() + b"\r\n")
    await _expect(reader, wanted)


async def _expect(reader: asyncio.StreamReader, wanted: int) -> None:
    """Read one reply, of several lines perhaps; raise NotSent where it is not the one wanted."""
    async with asyncio.timeout(SECONDS_FOR_A_REPLY):
        for _ in range(MAX_REPLY_LINES):
            line = (await reader.readuntil(b"\n")).decode("utf-8", "replace").rstrip()
            if line[3:4] != "-":
                break
    code = int(line[:3]) if line[:3].isdecimal() else 0
    if code != wanted:
        raise NotSent(line, code)


def _dotted(content: bytes) -> bytes:
    body = content if content.endswith(b"\r\n") else content + b"\r\n"
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"
