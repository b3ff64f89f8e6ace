"""The one aiosmtpd subclass: the connection under a session. It reads in blocks, answers in blocks, and ends in time.

Overridden of aiosmtpd 1.4.6, because of limits and of speed (design §11): its reader (content without CR LF was
kept without bound), its introspection of command tables for each connection, its loop (exceptions became `500
Error: (Class) text`), its STARTTLS (a second one was answered 220), its log formatting, a drain for each reply.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from abc import abstractmethod
from typing import Any, Final, cast

from aiosmtpd.smtp import SMTP
from typing_extensions import override

from transport.message.reply import Reply
from transport.smtpd.inbox import ConnectionEnded, Inbox
from transport.smtpd.link import DatabaseAway
from transport.smtpd.memory import Memory
from transport.smtpd.pace import Pace
from transport.smtpd.replies import IDLE_TOO_LONG, SESSION_TOO_LONG, UNAVAILABLE, wire

logger = logging.getLogger(__name__)

TLS_HANDSHAKE_TIMEOUT: Final = 30.0
LINGER: Final = 5.0  # for a client to take its last reply


class Protocol(SMTP):
    """Bytes in and out, time-outs, TLS; a subclass gives the session its meaning."""

    def __init__(self, loop: asyncio.AbstractEventLoop, memory: Memory | None = None) -> None:
        # Not aiosmtpd's: what it prepares for each connection costs 0.3 ms and is not used here; nor is a StreamReader.
        asyncio.streams.FlowControlMixin.__init__(self, loop=loop)
        self._closed = self._ended = loop.create_future()
        self.loop = loop
        self.inbox = Inbox(memory)
        self.stream: asyncio.Transport | None = None
        self.tls: ssl.SSLObject | None = None
        self.is_busy = False  # a command is at work: not idle, whatever the clock says
        self.idle_timeout = self.total_timeout = 300.0
        self.received = 0  # octets
        self._out: list[bytes] = []
        self._serving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_tls_first = False
        self.is_plain = False  # no enhanced status codes (RFC 2034) in replies
        self._is_handshaking = False
        self._pace: Pace | None = None  # while content comes
        self._started = self._seen = loop.time()

    @abstractmethod
    async def serve(self) -> None:
        """Hold the session: greet, then obey until it ends."""

    @abstractmethod
    def left(self) -> None:
        """Note that the connection is over."""

    # The event loop's side -------------------------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have asyncio's methods and none of its classes.
        self.transport = self.stream = cast(asyncio.Transport, transport)
        self.tls = transport.get_extra_info("ssl_object")
        self.inbox.attach(self.stream)
        self._serving = self.loop.create_task(self._serve_and_close())

    @override
    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.inbox.feed(data)

    @override
    def eof_received(self) -> bool:
        self.inbox.feed_eof()
        # Half-closed: what was sent is still answered. TLS knows no half (asyncio warns about True).
        return self.tls is None

    @override
    def connection_lost(self, error: Exception | None) -> None:
        if self._ended.done():
            return
        asyncio.streams.FlowControlMixin.connection_lost(self, error)
        self.stream = None
        self.inbox.feed_eof()
        self.inbox.leave()
        if self._timer is not None:
            self._timer.cancel()
        self._ended.set_result(None)
        self.left()

    def _get_close_waiter(self, stream: Any) -> asyncio.Future[None]:
        return self._ended

    # The session's side ------------------------------------------------------------------------------------

    def answer(self, reply: Reply) -> None:
        """Put a reply into the next block; it goes out when the session has to wait (RFC 2920 3.2)."""
        # The answer to a message is never the same twice.
        if self.is_plain and reply.enhanced:
            reply = Reply(reply.code, None, reply.text)
            self._out.append(wire.__wrapped__(reply) if reply.code == 250 else wire(reply))
        else:
            self._out.append(wire(reply) if reply.enhanced != "2.6.0" else wire.__wrapped__(reply))

    def say(self, raw: bytes) -> None:
        self._out.append(raw)

    def command_ends(self) -> None:
        """The client's time for its next command begins."""
        self.is_busy = False
        self._seen = self.loop.time()

    async def flush(self) -> None:
        """Send what was said; wait if the client does not take it."""
        if self._out and self.stream is not None:
            self.stream.write(b"".join(self._out))
        self._out.clear()
        if not self._paused:  # type: ignore[attr-defined]
            return
        # Who does not take our replies is idle, whatever command it was that they answer.
        was_busy, self.is_busy = self.is_busy, False
        self._seen = self.loop.time()
        try:
            await self._drain_helper()  # type: ignore[attr-defined]
        finally:
            self.is_busy = was_busy

    async def more(self) -> None:
        await self.flush()
        await self.inbox.more()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Change to TLS; what came before in clear text is forgotten (RFC 3207 4.2)."""
        await self.flush()
        self.inbox.clear()
        await self._shake_hands(context)

    async def begin_in_tls(self, context: ssl.SSLContext) -> None:
        """Hold the whole session in TLS (RFC 8314 3.3); what has come already is the client's handshake."""
        early = self.inbox.take(len(self.inbox.buffer))
        if early and self.stream is not None:
            # Runs once `start_tls` has put its protocol in our place and waits for the handshake.
            self.loop.call_soon(_hand_over, self.stream, early)
        await self._shake_hands(context)

    async def _shake_hands(self, context: ssl.SSLContext) -> None:
        if self.stream is None or self.stream.is_closing():
            raise ConnectionEnded
        self._is_handshaking = True
        self.is_busy, self._seen = False, self.loop.time()
        try:
            transport = await self.loop.start_tls(
                self.stream, self, context, server_side=True, ssl_handshake_timeout=TLS_HANDSHAKE_TIMEOUT
            )
        except OSError as error:
            # An old version, no TLS at all, a client that leaves: theirs to mend, and no news to us.
            logger.debug("No TLS with a client: %s", error)
            transport = None
        finally:
            self._is_handshaking = False
            self._seen = self.loop.time()
        if transport is None or transport.is_closing() or self._ended.done():
            # A connection that ends within its handshake is told to TLS alone, which tells nobody.
            self._cut_off()
            self.connection_lost(None)
            raise ConnectionEnded
        self.transport = self.stream = transport
        self.tls = transport.get_extra_info("ssl_object")
        self.inbox.clear()
        self.inbox.attach(transport)

    def hang_up(self, reply: Reply | None = None) -> None:
        """End the connection with a last reply; a client that does not take it is cut off."""
        if reply is not None:
            self.answer(reply)
        if self._is_handshaking:
            self._cut_off()  # between two layers nothing can be said
        elif self.is_tls_first and self.tls is None and self.stream is not None:
            self.stream.close()
        elif self.stream is not None and not self.stream.is_closing():
            self.stream.write(b"".join(self._out))
            self.stream.close()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(LINGER, self._cut_off)
        self._out.clear()
        self.inbox.feed_eof()

    def _cut_off(self) -> None:
        if self.stream is not None:
            self.stream.abort()

    async def _serve_and_close(self) -> None:
        try:
            await self.serve()
        except (ConnectionEnded, ConnectionError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("A session failed")
            self.hang_up(UNAVAILABLE)
        finally:
            self.hang_up()

    def trouble(self, error: Exception) -> Reply:
        """Return the answer to a fault of ours: always transient, never with its insides (invariant 10)."""
        if isinstance(error, DatabaseAway):
            logger.debug("Answered 451: %s", error)
        else:
            logger.error("A command failed", exc_info=error)
        return UNAVAILABLE

    # The clock's side: who is silent, slow, or stays too long ----------------------------------------------

    def content_begins(self) -> None:
        """From now on the client has to keep a pace instead of ending a line in time."""
        self._pace = Pace(self.loop.time(), self.received)
        self.is_busy = False

    def content_ends(self) -> None:
        self.is_busy, self._pace = True, None
        self._seen = self.loop.time()

    def look_at_clock(self, now: float, idle_timeout: float) -> None:
        """End a connection whose time is up. The octets of half a line count for nothing: only its end does."""
        if self.stream is None or self.is_busy or self.stream.is_closing():
            return
        if now - self._started >= self.total_timeout:
            self.hang_up(SESSION_TOO_LONG)
        elif self._pace is not None:
            if self._pace.is_too_slow(now, self.received, idle_timeout, is_held_up=self.inbox.is_paused):
                self.hang_up(IDLE_TOO_LONG)
        elif now - self._seen >= idle_timeout:
            self.hang_up(IDLE_TOO_LONG)


def _hand_over(stream: asyncio.Transport, early: bytes) -> None:
    """Give octets to the TLS protocol as if they had come a moment later."""
    protocol = cast(asyncio.BufferedProtocol, stream.get_protocol())
    while early:
        room = memoryview(protocol.get_buffer(len(early)))
        size = min(len(room), len(early))
        room[:size] = early[:size]
        early = early[size:]
        protocol.buffer_updated(size)
