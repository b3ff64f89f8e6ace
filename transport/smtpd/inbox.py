"""What a client has sent and nobody has read yet: command lines and message content (RFC 5321 2.3.8, 4.1.1.4).

Bounded: reading from the socket pauses while much is waiting here, and content beyond a threshold goes to a file.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import IO, Final

from transport.message.lines import dot_unstuff

HIGH_WATER: Final = 512 * 1024
LOW_WATER: Final = 64 * 1024
BLOCK: Final = 64 * 1024
MEMORY_LIMIT: Final = 256 * 1024
# How far beyond the limit we go on reading to be able to answer in step; then the connection ends.
PATIENCE: Final = 8 * 1024 * 1024
END_OF_DATA: Final = b"\r\n.\r\n"


class ConnectionEnded(Exception):
    """The client has gone, or sends no more."""


class LineTooLong(Exception):
    """A command line exceeds the limit; it is skipped up to its end."""


class TooMuchData(Exception):
    """The content exceeds the limit; `in_step` says whether its end was seen."""

    def __init__(self, *, in_step: bool) -> None:
        super().__init__()
        self.in_step = in_step


class Inbox:
    __slots__ = ("_eof", "_paused", "_skipping", "_transport", "_waiter", "buffer")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._eof = self._paused = self._skipping = False

    def attach(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._paused = False

    def clear(self) -> None:
        """Forget what came unencrypted (RFC 3207 4.2)."""
        self.buffer.clear()
        self._skipping = False

    def feed(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def feed_eof(self) -> None:
        self._eof = True
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def more(self) -> None:
        """Wait until something comes; raise ConnectionEnded if nothing can."""
        if self._eof:
            raise ConnectionEnded
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take_line(self, limit: int) -> bytes | None:
        """Return the next line with its end, None if it has not come whole, or raise LineTooLong once for it."""
        end = self.buffer.find(b"\n")
        if end < 0:
            if len(self.buffer) > limit:
                self.buffer.clear()
                self._skipping = True
            return None
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if self._skipping or len(line) > limit:
            self._skipping = False
            raise LineTooLong
        return line

    @property
    def has_line(self) -> bool:
        return b"\n" in self.buffer

    async def take_data(self, limit: int) -> bytes | IO[bytes]:
        """Return the content up to the end-of-data line, still dot-stuffed where it is a file; see `read_whole`."""
        if await self._is_empty_data():
            return b""
        content = _Content(limit)
        try:
            await self._fill(content)
        except BaseException:
            content.drop()
            raise
        return content.close()

    async def _fill(self, content: _Content) -> None:
        scanned = 0
        while (end := self.buffer.find(END_OF_DATA, scanned)) < 0:
            if len(self.buffer) > BLOCK:
                content.add(self.buffer[:-4])
                del self.buffer[:-4]
                if content.is_hopeless:
                    raise TooMuchData(in_step=False)
            scanned = max(0, len(self.buffer) - 4)
            await self.more()
        content.add(self.buffer[: end + 2])
        del self.buffer[: end + len(END_OF_DATA)]

    async def _is_empty_data(self) -> bool:
        """A dot on the very first line ends the content before it began; its CRLF was that of DATA."""
        while len(self.buffer) < 3 and b".\r\n".startswith(self.buffer):
            await self.more()
        if self.buffer.startswith(b".\r\n"):
            del self.buffer[:3]
            return True
        return False


class _Content:
    """Content while it comes: in memory, then in a file, beyond the limit only counted."""

    __slots__ = ("_file", "_limit", "_parts", "_size")

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._parts: list[bytearray] = []
        self._file: IO[bytes] | None = None

    @property
    def is_hopeless(self) -> bool:
        return self._size > self._limit + PATIENCE

    def add(self, block: bytearray) -> None:
        self._size += len(block)
        if self._size > self._limit:
            self.drop()
            return
        if self._file is None and self._size > MEMORY_LIMIT:
            self._file = tempfile.TemporaryFile(prefix="postroom-data-")  # noqa: SIM115 - closed by whoever reads it
            self._file.writelines(self._parts)
            self._parts.clear()
        if self._file is not None:
            self._file.write(block)
        else:
            self._parts.append(block)

    def drop(self) -> None:
        self._parts.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> bytes | IO[bytes]:
        if self._size > self._limit:
            raise TooMuchData(in_step=True)
        if self._file is not None:
            return self._file
        stuffed = bytes(self._parts[0]) if len(self._parts) == 1 else b"".join(self._parts)
        return dot_unstuff(stuffed)


def read_whole(spooled: IO[bytes]) -> bytes:
    """Return the content of a file of `take_data`, and close it."""
    with spooled:
        spooled.seek(0)
        return dot_unstuff(spooled.read())
