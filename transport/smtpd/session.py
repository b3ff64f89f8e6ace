"""One SMTP session: its connection, its commands and their order (RFC 5321 3, 4.1; RFC 6409 on submission ports)."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final, NoReturn

from typing_extensions import override

from transport.message.reply import Reply
from transport.routing.envelope import Client, Door, Origin
from transport.routing.ranges import plain_address
from transport.routing.receive import Binding
from transport.routing.relay import Holding
from transport.smtpd import replies
from transport.smtpd.chunks import bdat
from transport.smtpd.client_certificates import fingerprints_of
from transport.smtpd.connectors import Choice, Connector
from transport.smtpd.dialogue import Dialogue
from transport.smtpd.inbox import ConnectionEnded, LineTooLong
from transport.smtpd.log_on import RESPONSE_LIMIT, auth, mechanisms
from transport.smtpd.mail import data, mail, rcpt
from transport.smtpd.parameters import Refused
from transport.smtpd.protocol import Protocol
from transport.smtpd.proxy import BadProxyHeader, read_proxy_header
from transport.smtpd.service import Service
from transport.smtpd.transaction import Transaction
from transport.smtpd.xclient import EXTENSION, Told, xclient

logger = logging.getLogger(__name__)

LINE_LIMIT: Final = 2_048
MAX_IDLE_COMMANDS: Final = 100
MAX_COMMANDS: Final = 1_000  # between two messages that come through, besides one for each recipient allowed
TINY_CHUNK: Final = 64  # octets
MAX_TINY_CHUNKS: Final = 10_000  # between two messages that come through
MAX_REFUSED_RECIPIENTS: Final = 50
TURN: Final = 64  # commands of one client before the others get theirs
MAX_NAME: Final = 255
PROXY_PATIENCE: Final = 5.0  # seconds; the proxy protocol wants at least 3
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A domain with a dot in it, or an address literal (RFC 5321 4.1.3).
_DOMAIN = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,}\.?|\[[0-9A-Za-z.:]{2,60}\]")
_IDLE_COMMANDS: Final = frozenset({"EHLO", "HELO", "NOOP", "RSET", "VRFY", "EXPN", "HELP", "XCLIENT"})


class Session(Protocol):
    connector: Connector

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop, *, implicit_tls: bool = False) -> None:
        super().__init__(loop, service.memory)
        self.service = service
        self.is_tls_first = implicit_tls
        self.client = Client(Origin.ANONYMOUS)
        self.address = self.peer = "127.0.0.1"  # the client's, and that of who is connected to us
        self.relaying: list[Holding] = []
        self.fingerprints: frozenset[str] = frozenset()
        self._is_asked = False  # for a certificate
        self.door: Door | None = None
        self.dialogue: Dialogue | None = None
        self._local = ("", 0)
        self._table = service.table
        self.helo = self.client_name = ""
        self.is_extended = self._is_told = False
        self.transaction: Transaction | None = None
        self.refused_recipients = self.log_on_failures = 0
        self._errors = self._idle_commands = self._commands = self._tiny_chunks = 0
        self._has_entered = False

    @property
    def is_anonymous(self) -> bool:
        return self.client.origin is Origin.ANONYMOUS

    def end(self, reply: Reply) -> NoReturn:
        """Close with a last reply."""
        self.hang_up(reply)
        raise ConnectionEnded

    def reset(self) -> None:
        if self.transaction is not None:
            self.transaction = None
            self.inbox.forget_content()

    def stop(self) -> None:
        """The daemon ends: who waits for the client is closed, a transaction may finish."""
        if self.transaction is None and not self.is_busy:
            self.hang_up(replies.SHUTTING_DOWN)

    @override
    def left(self) -> None:
        if self._has_entered:
            self._has_entered = False
            self.service.crowd.leave(self, self.connector, self.address)
            if self.dialogue is not None:
                self.dialogue.close(self.loop.time())
                self.dialogue = None

    @override
    def answer(self, reply: Reply) -> None:
        if self.dialogue is not None:
            said = Reply(reply.code, None, reply.text) if self.is_plain else reply
            self.dialogue.said(said, self.loop.time())
        super().answer(reply)

    @override
    async def serve(self) -> None:
        await self._meet()
        self.answer(self.greeting())
        turn = 0
        while True:
            line = self._next_line()
            if line is None:
                turn = 0
                await self.more()
                continue
            self.is_busy = True
            if self.dialogue is not None:
                self.dialogue.heard(line, self.loop.time(), in_transaction=self.transaction is not None)
            reply = await self._obey(line)
            if reply is not None:
                if reply.code >= 400:
                    self.service.tally.refuse(reply)
                if reply.code >= 500 or self.service.is_stopping:
                    await self._conclude(reply)
                else:
                    self.answer(reply)
            self.command_ends()
            turn += 1
            if turn >= TURN:
                turn = 0
                await self.flush()
                await asyncio.sleep(0)

    # Arriving ----------------------------------------------------------------------------------------------

    async def _meet(self) -> None:
        """Find the receive connector; turn away who finds none, or finds it full. Then TLS, where it comes first."""
        assert self.stream is not None
        peer, local = (self.stream.get_extra_info(name) for name in ("peername", "sockname"))
        if not peer or not local:
            raise ConnectionEnded  # gone before we looked
        self.address, local = _plain(peer[0]), local[:2]
        if self.service.is_proxy(self.address):
            await self._hear_proxy()
        self._local, self.peer = local, self.address
        await self._find_connector()
        if self.is_tls_first:
            await self.begin_in_tls(self._tls_context())
            self._look_at_certificate()

    async def _find_connector(self) -> None:
        self._table = self.service.table
        choice = self._table.choose(self._local, self.address)
        logger.debug("%s at %s: %s", self.address, self._local, choice.why)
        if choice.connector is None:
            self.end(replies.NO_CONNECTOR)
        self.door = self._door_of(choice)
        self.is_plain = not choice.connector.enhanced_status_codes
        await self._enter(choice.connector)

    def _door_of(self, choice: Choice) -> Door:
        return replace(choice.door, is_told=True) if self._is_told else choice.door

    async def become(self, told: Told) -> None:
        """Begin anew as the client that a listed host tells of; what it does not name stays as it was."""
        self.left()
        self._is_told = True
        self.fingerprints = frozenset()  # the host's own certificate is not its clients'
        self.address = told.address or self.address
        self._local = (told.local_address or self._local[0], told.local_port or self._local[1])
        self.client_name = self.client_name if told.name is None else told.name
        await self._find_connector()
        self.is_busy = True
        self.helo = (told.helo or "")[:MAX_NAME]
        self.is_extended = bool(told.is_extended)

    async def _hear_proxy(self) -> None:
        """Learn from the proxy in front of us who the client is; what is no header gets no answer."""
        try:
            async with asyncio.timeout(PROXY_PATIENCE):
                while (header := read_proxy_header(self.inbox.buffer)) is None:
                    await self.inbox.more()
        except (BadProxyHeader, TimeoutError):
            logger.warning("No PROXY header from %s, which is listed as a proxy.", self.address)
            raise ConnectionEnded from None
        size, address = header
        self.inbox.take(size)
        self.address = _plain(address) if address is not None else self.address

    async def _enter(self, connector: Connector) -> None:
        crowd = self.service.crowd
        if crowd.is_at_limit(connector, self.address):
            self.end(replies.TOO_MANY_CONNECTIONS)
        self.connector = connector
        self.is_busy = True  # who waits for a place is not idle
        self.idle_timeout, self.total_timeout = connector.idle_timeout, connector.total_timeout
        if not self._is_told:
            self.service.tally.connect()
        if not await crowd.enter(self, connector, self.address):
            self.end(replies.NO_PLACE)
        self._has_entered = True
        if self._ended.done():  # reset while it waited: nobody else gives its place back
            self.left()
            raise ConnectionEnded
        if connector.is_logged:
            listener = str(Binding(plain_address(self._local[0]), self._local[1]))
            self.dialogue = Dialogue(self.service.ledger, connector, self.address, listener, self.loop.time())
        if self.stream is None or self.service.is_stopping:
            self.end(replies.SHUTTING_DOWN)
        self.command_ends()
        self.relaying = self._table.relaying(connector, self.address, self.fingerprints)
        self.client = self._stranger()

    def _tls_context(self) -> ssl.SSLContext:
        certificate, self._is_asked = self.service.certificate, self._table.asks_for_certificate(self.connector)
        return certificate.asking if self._is_asked else certificate.context

    def _look_at_certificate(self) -> None:
        """Take up the relay permissions that the client has by the certificate that it showed."""
        if self._is_asked and (found := fingerprints_of(self.tls)):
            self.fingerprints = found
            self.relaying = self._table.relaying(self.connector, self.address, found)

    def renew(self) -> None:
        """Take up what was changed since the last transaction; a connector that is gone holds for those who have it."""
        table = self.service.table
        if table is self._table:
            return
        self._table = table
        connector = self.connector = table.listening.get(self.connector.id, self.connector)
        choice = table.choose(self._local, self.address)
        if choice.connector is connector:
            self.door = self._door_of(choice)
        self.is_plain = not connector.enhanced_status_codes
        self.idle_timeout, self.total_timeout = connector.idle_timeout, connector.total_timeout
        self.relaying = table.relaying(connector, self.address, self.fingerprints)
        if self.is_anonymous:
            self.client = self._stranger()

    def _stranger(self) -> Client:
        connector = self.connector
        rights = connector.anonymous_rights
        return Client(Origin.ANONYMOUS, None, None, connector.name, self.address, rights, self.door)

    def greeting(self) -> Reply:
        banner = self.connector.banner.removeprefix("220").strip()
        return Reply(220, None, banner or f"{self.connector.hostname} ESMTP Postroom ready")

    # Commands ----------------------------------------------------------------------------------------------

    def _next_line(self) -> bytes | None:
        # RFC 4954 4: an initial response is as long as one that is asked for, as tokens are; over TLS alone.
        is_log_in = self.tls is not None and self.inbox.buffer[:5].upper() == b"AUTH "
        try:
            return self.inbox.take_line(RESPONSE_LIMIT if is_log_in else LINE_LIMIT)
        except LineTooLong:
            return b""

    async def _obey(self, line: bytes) -> Reply | None:
        if not line.endswith(b"\r\n"):
            return replies.BAD_LINE_END if line else replies.LINE_TOO_LONG
        try:
            text = line[:-2].decode()
        except UnicodeDecodeError:
            return replies.BAD_CHARACTERS
        if _CONTROL.search(text):
            return replies.BAD_CHARACTERS
        verb, _, argument = text.partition(" ")
        command = COMMANDS.get(verb.upper())
        if command is None:
            return replies.UNKNOWN_COMMAND
        self._count_command(verb.upper())
        try:
            return await command(self, argument.strip())
        except Refused as refused:
            return refused.reply
        except (ConnectionEnded, ConnectionError):
            raise
        except Exception as error:
            return self.trouble(error)

    def count_chunk(self, size: int) -> None:
        """Chunks are content, and bounded as such; lose patience with who cuts it into crumbs, or sends empty ones."""
        self._commands += not size
        self._tiny_chunks += size < TINY_CHUNK
        if self._tiny_chunks > MAX_TINY_CHUNKS:
            self.end(replies.TOO_MANY_ERRORS)

    def _count_command(self, verb: str) -> None:
        """Lose patience with who keeps us busy and hands in nothing."""
        self._idle_commands += verb in _IDLE_COMMANDS
        self._commands += verb != "BDAT"
        if self._idle_commands > MAX_IDLE_COMMANDS or self._commands > MAX_COMMANDS + self.connector.max_recipients:
            self.end(replies.TOO_MANY_ERRORS)

    async def _conclude(self, reply: Reply) -> None:
        """Answer, and lose patience with who makes too many mistakes."""
        if reply.code >= 500:
            await self._count_mistake(reply)
        self.answer(reply)
        if self.service.is_stopping and self.transaction is None:
            self.end(replies.SHUTTING_DOWN)

    async def _count_mistake(self, reply: Reply) -> None:
        is_protocol_error = reply.code < 530 or reply.code == 555
        mistakes = self._errors + self.refused_recipients
        if is_protocol_error:
            self._errors += 1
            if 0 < self._errors_allowed() < self._errors:
                self.answer(reply)
                self.end(replies.TOO_MANY_ERRORS)
        if self.refused_recipients > MAX_REFUSED_RECIPIENTS:
            self.answer(reply)
            self.end(replies.TOO_MANY_ERRORS)
        # The first mistake is free: people mistype. Who goes on is made to wait, unless we know who it is.
        if mistakes > 1 and self.is_anonymous and self.connector.tarpit_interval:
            await self.flush()
            await asyncio.sleep(self.connector.tarpit_interval)

    def _errors_allowed(self) -> int:
        """Return how many errors are forgiven, 0 for any number; under pressure one."""
        allowed = self.connector.max_protocol_errors
        return min(allowed, 1) if self.service.crowd.is_pressed(self.connector) else allowed

    def accepted(self) -> None:
        """A message came through: this is no idler."""
        self._idle_commands = self._commands = self._tiny_chunks = 0

    async def ehlo(self, argument: str) -> Reply:
        # RFC 6531 3.7.1: also with SMTPUTF8 the name is of A-labels.
        if not argument or not argument.isascii():
            return replies.EHLO_SYNTAX
        if self._is_nameless(argument):
            return replies.EHLO_DOMAIN
        self._greet(argument, is_extended=True)
        connector = self.connector
        lines = [connector.hostname, *_extensions(connector)]
        if connector.offers_tls and self.tls is None:
            lines.append("STARTTLS")
        if self.tls is not None:
            lines.append("REQUIRETLS")
        if self.service.may_speak_for_others(self.peer):
            lines.append(EXTENSION)
        if connector.offers_auth and self.tls is not None:
            lines.append(f"AUTH {' '.join(mechanisms(self))}")
        return Reply(250, None, "\n".join(lines))

    async def hello(self, argument: str) -> Reply:
        if not argument or not argument.isascii():
            return replies.HELO_SYNTAX
        if self._is_nameless(argument):
            return replies.EHLO_DOMAIN
        self._greet(argument, is_extended=False)
        return Reply(250, None, self.connector.hostname)

    def _is_nameless(self, name: str) -> bool:
        """Say whether the connector wants a full domain, or an address in brackets, and this is none (§4)."""
        return self.connector.requires_ehlo_domain and not _DOMAIN.fullmatch(name)

    def _greet(self, name: str, *, is_extended: bool) -> None:
        self.reset()
        self.helo, self.is_extended = name[:MAX_NAME], is_extended

    async def starttls(self, argument: str) -> Reply | None:
        if argument:
            return replies.NO_ARGUMENT
        if self.tls is not None:
            return replies.ALREADY_TLS
        if not self.connector.offers_tls:
            return replies.NO_TLS_HERE
        self.answer(replies.READY_FOR_TLS)
        await self.start_tls(self._tls_context())
        self._look_at_certificate()
        # RFC 3207 4.2: what was said before, and by whom, is forgotten.
        self.reset()
        self.helo, self.client = "", self._stranger()
        return None

    async def rset(self, argument: str) -> Reply:
        if argument:
            return replies.NO_ARGUMENT
        self.reset()
        return replies.RESET

    async def noop(self, argument: str) -> Reply:
        return replies.OK

    async def vrfy(self, argument: str) -> Reply:
        return replies.CANNOT_VERIFY if argument else replies.VRFY_SYNTAX

    async def expn(self, argument: str) -> Reply:
        return replies.NOT_IMPLEMENTED

    async def help(self, argument: str) -> Reply:
        return replies.HELP

    async def quit(self, argument: str) -> Reply:
        if argument:
            return replies.NO_ARGUMENT
        self.end(replies.BYE)


def _extensions(connector: Connector) -> list[str]:
    """Return what the connector offers in EHLO, besides TLS and log-in."""
    size = {"enabled": f"SIZE {connector.max_message_size}", "enabled_without_value": "SIZE"}.get(connector.size)
    offered = [
        (size or "", size is not None),
        (f"LIMITS RCPTMAX={connector.max_recipients}", True),
        ("PIPELINING", connector.pipelining),
        ("8BITMIME", connector.eight_bit_mime),
        ("SMTPUTF8", connector.eight_bit_mime),  # RFC 6531 3.1: it needs 8BITMIME
        ("CHUNKING", connector.chunking),
        ("DSN", connector.dsn),
        ("ENHANCEDSTATUSCODES", connector.enhanced_status_codes),
    ]
    return [name for name, is_offered in offered if is_offered]


@lru_cache(maxsize=4_096)
def _plain(host: str) -> str:
    return str(plain_address(host))


# One table for all sessions; aiosmtpd makes one for each connection.
COMMANDS: Final[dict[str, Callable[[Session, str], Awaitable[Reply | None]]]] = {
    "EHLO": Session.ehlo,
    "HELO": Session.hello,
    "STARTTLS": Session.starttls,
    "AUTH": auth,
    "MAIL": mail,
    "RCPT": rcpt,
    "DATA": data,
    "BDAT": bdat,
    "RSET": Session.rset,
    "NOOP": Session.noop,
    "QUIT": Session.quit,
    "VRFY": Session.vrfy,
    "EXPN": Session.expn,
    "HELP": Session.help,
    "XCLIENT": xclient,
}
