"""One SMTP session of a peer: aiosmtpd, with its rough edges taken off."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP, Envelope, Session
from typing_extensions import override

from postroom.lab.peers import replies

if TYPE_CHECKING:
    from postroom.lab.peers.peer import Peer

log = logging.getLogger(__name__)

MAX_SIZE = 35 * 1024 * 1024


class PeerSession(SMTP):
    def __init__(self, peer: Peer) -> None:
        # An explicit host name: aiosmtpd would ask the machine's resolver for one, which may take seconds.
        super().__init__(
            _Hooks(peer),
            hostname=peer.site.host,
            ident="ESMTP",
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
        )
        self.peer = peer

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer.sessions.add(self)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        self.peer.sessions.discard(self)
        super().connection_lost(error)

    async def abort(self) -> None:
        """Cut the connection and wait until nothing of the session runs."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
            await asyncio.gather(self._handler_coroutine, return_exceptions=True)

    @override
    async def _handle_client(self) -> None:
        with suppress(ConnectionError):
            await self.peer.hesitate()
            await super()._handle_client()

    @override
    async def handle_exception(self, error: Exception) -> str:
        # aiosmtpd answers 500 with the exception's text; a server in trouble says 4xx and no more.
        log.error("%s: fault in a session", self.peer.site.host, exc_info=error)
        return replies.LOCAL_ERROR

    @override
    async def smtp_DATA(self, arg: str | None) -> None:
        assert self.session is not None
        assert self.envelope is not None
        if not self.session.host_name or not self.envelope.mail_from:
            await self.push(replies.OUT_OF_ORDER.format(before="MAIL" if self.session.host_name else "EHLO"))
        elif not self.envelope.rcpt_tos:
            await self.push(replies.NO_RECIPIENTS)
        elif arg:
            await self.push(replies.NO_ARGUMENT)
        else:
            await self.push(replies.GO_AHEAD)
            content = await self._content()
            taken = content is not None and await self.peer.take(self.session, self.envelope, content)
            self.envelope = self._create_envelope()
            await self.push(taken or replies.TOO_MUCH_DATA)

    async def _content(self) -> bytes | None:
        """Read up to the lone dot, bounded in memory whatever the length of lines; None where it is too much.

        aiosmtpd's own reader refuses lines above 998 octets and keeps a line without end in memory.
        """
        content, fits, at_start = bytearray(), True, True
        while True:
            try:
                piece, ends = await self._reader.readuntil(b"\r\n"), True
            except asyncio.LimitOverrunError as overrun:
                piece, ends = await self._reader.readexactly(overrun.consumed), False
            if at_start and piece == b".\r\n":
                return bytes(content) if fits else None
            # RFC 5321 section 4.5.2: the dot that the sender put before a line's own.
            content += piece[1:] if at_start and piece.startswith(b".") else piece
            if len(content) > MAX_SIZE:
                content, fits = bytearray(), False
            at_start = ends
            self._reset_timeout()


class _Hooks:
    """What aiosmtpd asks: every answer is the peer's."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        await self._peer.hesitate()
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._peer.hesitate()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return replies.SENDER_OK

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._peer.hesitate()
        refusal = await self._peer.refusal_of(session, envelope, address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or replies.RECIPIENT_OK
