"""The connection as an asyncio protocol: counts replies in, writes out, one timer, few wake-ups."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque

from typing_extensions import override

from transport.delivery.replies import ReplyReader
from transport.delivery.transcript import Transcript
from transport.message.reply import Reply

CHUNK = 262_144
HIGH_WATER = 524_288
LOW_WATER = 131_072
# A peer may answer what it was asked, and send one 421 on its own; this many more is a flood.
MAX_UNREAD = 2000

DROPPED = Reply(421, "4.4.2", "Connection dropped")
TIMED_OUT = Reply(421, "4.4.2", "Connection timed out: the peer did not answer")


class WireTrouble(Exception):
    """The connection is of no more use; `reply` says so in our words, in a form like a peer's."""

    def __init__(self, reply: Reply, reason_code: str) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.reason_code = reason_code


class Wire(asyncio.Protocol):
    """One connection. Only one task waits on it at a time."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.replies: deque[Reply] = deque()
        self.trouble: WireTrouble | None = None
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._reader = ReplyReader()
        self._closed = self._loop.create_future()
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 1
        self._paused = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # What asyncio calls

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)

    @override
    def data_received(self, data: bytes) -> None:
        shutting_down = False
        replies = self._reader.feed(data)
        if replies:
            self.transcript.received(replies)
            self.replies.extend(replies)
            shutting_down = any(reply.code == 421 for reply in replies)
        if error := self._reader.error:
            self.transcript.note(error.reply.text)
            self._fail(WireTrouble(error.reply, "peer.protocol"))
        elif len(self.replies) > MAX_UNREAD:
            self._fail(WireTrouble(Reply(451, "4.5.0", "The peer floods us with replies"), "peer.protocol"))
        elif len(self.replies) >= self._wanted or shutting_down:
            self._wake()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.trouble = self.trouble or WireTrouble(DROPPED, "peer.dropped")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    @override
    def pause_writing(self) -> None:
        self._paused = True

    @override
    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    # What the client calls

    def write(self, data: bytes, shown: bytes | None = None) -> None:
        """Send commands; `shown` is what the transcript may hold instead of a secret."""
        self.transcript.sent(data if shown is None else shown)
        self._send(data)

    async def write_content(self, block: bytes, timeout: float, then: bytes = b"") -> bool:
        """Send content at the peer's pace; returns False where it answers, or hangs up, without having seen the end.

        `then` goes out in the same write; only short content may be followed by something.
        """
        if len(block) <= CHUNK:
            self._send(block + then)
            self.transcript.content(len(block))
            if then:
                self.transcript.sent(then)
            return True
        assert not then
        for start in range(0, len(block), CHUNK):
            while self._paused and not self.trouble and not self.replies:
                await self._wait(1, timeout)
            if self.trouble or self.replies:
                self.transcript.content(start)
                return False
            self._send(block[start : start + CHUNK])
        self.transcript.content(len(block))
        return True

    async def wait_for(self, count: int, timeout: float) -> None:
        """Return when `count` replies are there, or a 421 is; raises WireTrouble when no more can come."""
        while len(self.replies) < count and not (self.replies and self.replies[-1].code == 421):
            if self.trouble:
                raise WireTrouble(self.trouble.reply, self.trouble.reason_code)
            await self._wait(count, timeout)

    async def ask(self, command: bytes, timeout: float, shown: bytes | None = None) -> Reply:
        """Send one command and return its reply."""
        self.write(command, shown)
        await self.wait_for(1, timeout)
        return self.replies.popleft()

    async def start_tls(self, context: ssl.SSLContext, server_name: str | None, timeout: float) -> None:
        """Switch to TLS. What came in clear text after the 220 is thrown away (RFC 3207 4.2, CVE-2011-0411)."""
        self._reader.clear()
        self.replies.clear()
        # asyncio waits for ever for a handshake on a connection that is closing already.
        if self._transport is None or not self.is_open:
            raise ConnectionResetError("the connection was lost before the handshake")
        async with asyncio.timeout(timeout + 1):
            transport = await self._loop.start_tls(
                self._transport, self, context, server_hostname=server_name or "", ssl_handshake_timeout=timeout
            )
        if transport is None:
            raise ConnectionResetError("the connection was lost during the handshake")
        self.connection_made(transport)

    def now(self) -> float:
        return self._loop.time()

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        found: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object") if self._transport else None
        return found

    @property
    def is_open(self) -> bool:
        return self.trouble is None and self._transport is not None and not self._transport.is_closing()

    def abort(self) -> None:
        """Close at once; nothing more is sent."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self, timeout: float) -> None:
        """Close in good order, but not for longer than `timeout`."""
        if self._transport is None:
            return
        self._transport.close()
        await asyncio.wait([self._closed], timeout=timeout)
        self._transport.abort()

    # Inside

    def _send(self, data: bytes) -> None:
        if self._transport is not None and self.trouble is None:
            self._transport.write(data)

    def _fail(self, trouble: WireTrouble) -> None:
        self.trouble = self.trouble or trouble
        self.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, wanted: int, timeout: float) -> None:
        self._wanted = wanted
        self._waiter = self._loop.create_future()
        self._set_deadline(self._loop.time() + timeout)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _set_deadline(self, deadline: float) -> None:
        """Keep one timer running and look at the clock when it rings: cheaper than a timer for each wait."""
        self._deadline = deadline
        if self._timer is not None and self._timer.when() <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._set_deadline(self._deadline)
        else:
            self._fail(WireTrouble(TIMED_OUT, "peer.timeout"))
