"""What a client has sent and nobody has read yet: command lines and content (RFC 5321 2.3.8, 4.1.1.4, RFC 3030 2).

Bounded: reading from the socket pauses while much is waiting here or in the whole daemon (memory.py), and content
beyond a threshold goes to a file (content.py).
"""

from __future__ import annotations

import asyncio
from typing import Final

from transport.smtpd.content import Incoming, Spooled, TooMuchData
from transport.smtpd.memory import Memory

HIGH_WATER: Final = 256 * 1024
BLOCK: Final = 64 * 1024
END_OF_DATA: Final = b"\r\n.\r\n"
_TAIL: Final = len(END_OF_DATA) - 1  # so many octets of a block may belong to the end of the content


class ConnectionEnded(Exception):
    """The client has gone, or sends no more."""


class LineTooLong(Exception):
    """A command line exceeds the limit; it is skipped up to its end."""


class Inbox:
    __slots__ = ("_eof", "_held", "_incoming", "_memory", "_paused", "_skipping", "_transport", "_waiter", "buffer")

    def __init__(self, memory: Memory | None = None) -> None:
        self.buffer = bytearray()
        self._memory = memory or Memory()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._incoming: Incoming | None = None
        self._held = 0  # octets of content in memory, until the transaction ends
        self._eof = self._paused = self._skipping = False

    # The connection's side ------------------------------------------------------------------------------

    def attach(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._paused = False
        self._memory.join(self)

    def feed(self, data: bytes) -> None:
        if self._eof:
            return  # we have hung up already
        self.buffer += data
        self._memory.take(len(data))
        if len(self.buffer) > HIGH_WATER or self._memory.is_short:
            self._pause()
        self._wake()

    def feed_eof(self) -> None:
        self._eof = True
        self._wake()

    def leave(self) -> None:
        """The connection is over: nothing of it stays in memory or in a file."""
        self.clear()
        self.forget_content()
        self._memory.leave(self)

    @property
    def is_paused(self) -> bool:
        """Say whether it is we who keep the client from sending."""
        return self._paused

    def _pause(self) -> None:
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # The daemon's side: memory is short, or is so no longer ---------------------------------------------

    def relieve(self) -> None:
        """Read no more, and let content go to a file; who has sent more than is decent unasked is cut off."""
        self._pause()
        if self._waiter is None and len(self.buffer) > BLOCK and self._transport is not None:
            self._transport.abort()
        elif self._incoming is not None:
            self._incoming.to_file()
            self._settle()
            self._wake()

    def read_on(self) -> None:
        if self._waiter is not None:
            self._resume()

    # The session's side ---------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget what came, as at STARTTLS what came unencrypted (RFC 3207 4.2)."""
        size = len(self.buffer)
        self.buffer.clear()
        self._skipping = False
        self._memory.free(size)

    async def more(self) -> None:
        """Wait until something comes; raise ConnectionEnded if nothing can."""
        if self._eof:
            raise ConnectionEnded
        if self._paused and not self._memory.is_short:
            self._resume()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take(self, size: int) -> bytes:
        """Return so many octets of those that are there."""
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        self._memory.free(len(taken))
        return taken

    def take_line(self, limit: int) -> bytes | None:
        """Return the next line with its end, None if it has not come whole, or raise LineTooLong once for it."""
        end = self.buffer.find(b"\n")
        if end < 0:
            if len(self.buffer) > limit:
                self.clear()
                self._skipping = True
            return None
        line = self.take(end + 1)
        if self._skipping or len(line) > limit:
            self._skipping = False
            raise LineTooLong
        return line

    async def take_data(self, limit: int) -> Incoming:
        """Return the content up to the end-of-data line; raise TooMuchData where its end was not waited for."""
        incoming = self._incoming = Incoming(limit, is_stuffed=True)
        if not await self._is_empty_data():
            await self._fill(incoming)
        self._incoming = None
        return incoming

    async def take_chunk(self, size: int, limit: int) -> None:
        """Add a chunk of BDAT to the content of the transaction; raise TooMuchData where there is no point in it."""
        if self._incoming is None:
            self._incoming = Incoming(limit)
        await self._move_on(self._incoming, size)

    async def skip(self, size: int) -> None:
        """Read so many octets and forget them."""
        await self._move_on(Incoming(0), size)

    def take_chunks(self) -> bytes | Spooled:
        """Return the content of all chunks; raise TooMuchData or SpoolFailed."""
        incoming, self._incoming = self._incoming or Incoming(0), None
        return incoming.finish()

    def forget_content(self) -> None:
        """The transaction is over: its content is stored, or not wanted."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.drop()
        held, self._held = self._held, 0
        self._memory.free(held)

    async def _fill(self, incoming: Incoming) -> None:
        scanned = 0
        while (end := self.buffer.find(END_OF_DATA, scanned)) < 0:
            if len(self.buffer) > BLOCK or (self._memory.is_short and len(self.buffer) > _TAIL):
                self._move(incoming, len(self.buffer) - _TAIL)
            scanned = max(0, len(self.buffer) - _TAIL)
            await self.more()
        self._move(incoming, end + 2)
        self.take(len(END_OF_DATA) - 2)

    async def _move_on(self, incoming: Incoming, size: int) -> None:
        while size > len(self.buffer):
            if len(self.buffer) > BLOCK or self._memory.is_short:
                size -= len(self.buffer)
                self._move(incoming, len(self.buffer))
            await self.more()
        self._move(incoming, size)

    def _move(self, incoming: Incoming, size: int) -> None:
        """Take octets from what came to the content."""
        incoming.add(self.buffer[:size])
        del self.buffer[:size]
        if incoming is not self._incoming:
            self._memory.free(size)
            return
        if self._memory.is_short:
            incoming.to_file()
        self._settle(size)
        if incoming.is_hopeless:
            raise TooMuchData(in_step=False)

    def _settle(self, moved: int = 0) -> None:
        """Count what is in memory no longer, because it is in a file or was dropped."""
        held = self._incoming.in_memory if self._incoming is not None else 0
        gone, self._held = self._held + moved - held, held
        if gone:
            self._memory.free(gone)

    async def _is_empty_data(self) -> bool:
        """A dot on the very first line ends the content before it began; its CRLF was that of DATA."""
        while len(self.buffer) < 3 and b".\r\n".startswith(self.buffer):
            await self.more()
        if self.buffer.startswith(b".\r\n"):
            self.take(3)
            return True
        return False
