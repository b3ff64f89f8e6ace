"""A scripted SMTP peer on loopback that answers, refuses, stalls, hangs up or talks nonsense at each phase."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from transport.delivery.options import Endpoint


@dataclass(frozen=True)
class Reset:
    """Cut the connection hard."""


@dataclass(frozen=True)
class Silence:
    """Never answer."""


@dataclass(frozen=True)
class Raw:
    """Send these very bytes, `delay` seconds between any two of them; then hang up, or never read on, if told so."""

    data: bytes
    delay: float = 0.0
    hang_up: bool = False
    stall: bool = False


Action = str | Reset | Silence | Raw
Script = Action | Callable[[str], Action]

RESET, SILENCE = Reset(), Silence()


@dataclass
class Received:
    """A message that got as far as its final dot."""

    mail: str
    rcpts: list[str]
    content: bytes
    tls: bool


@dataclass
class StubSmtp:
    """`script` maps a phase (greeting, ehlo, helo, starttls, tls, auth, mail, rcpt, data, final, rset, quit) to what
    happens there, in place of a friendly reply; a callable gets the command line. A reply beginning with 421 hangs up.
    With `lmtp` it knows LHLO alone, and answers content once per recipient; a callable gets that one's RCPT.
    """

    script: dict[str, Script] = field(default_factory=dict)
    extensions: Iterable[str] = ("PIPELINING", "SIZE 10000000", "8BITMIME")
    tls: ssl.SSLContext | None = None
    lmtp: bool = False
    messages: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    wire: bytearray = field(default_factory=bytearray)
    connections: int = 0
    endpoint: Endpoint = field(init=False)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**18)
        self.endpoint = Endpoint("mx.example", "127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await _Session(self, reader, writer).run()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError, _HangUp):
            pass  # ValueError: a line longer than the limit
        finally:
            self._tasks.discard(task)
            writer.close()


class _HangUp(Exception):
    """The script wants this connection to end."""


class _Session:
    def __init__(self, stub: StubSmtp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._stub, self._reader, self._writer = stub, reader, writer
        self._tls = False
        self._mail: str | None = None
        self._rcpts: list[str] = []

    async def run(self) -> None:
        await self._act("greeting", "", "220 mx.example ESMTP stub")
        while line := await self._reader.readline():
            self._stub.wire += line
            command = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            self._stub.commands.append(command)
            await self._command(command)

    async def _command(self, command: str) -> None:
        verb = command.split(" ", 1)[0].lower()
        handler = getattr(self, f"_on_{verb}", None)
        if handler is None or verb in (("ehlo", "helo") if self._stub.lmtp else ("lhlo",)):
            await self._act(verb, command, "500 5.5.2 What?")
        else:
            await handler(command)

    async def _on_ehlo(self, command: str) -> None:
        offered = [word for word in self._stub.extensions if word != "STARTTLS" or not self._tls]
        lines = ["mx.example hello", *offered]
        await self._act("ehlo", command, "\r\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]))

    async def _on_lhlo(self, command: str) -> None:
        await self._on_ehlo(command)

    async def _on_helo(self, command: str) -> None:
        await self._act("helo", command, "250 mx.example")

    async def _on_starttls(self, command: str) -> None:
        if await self._act("starttls", command, "220 2.0.0 Go ahead") != 220:
            return
        if "tls" in self._stub.script:
            await self._act("tls", command, "")
        assert self._stub.tls is not None
        await self._writer.start_tls(self._stub.tls, ssl_handshake_timeout=5)
        self._tls = True

    async def _on_auth(self, command: str) -> None:
        if command == "AUTH LOGIN":
            for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                self._writer.write(prompt.encode() + b"\r\n")
                command += " " + (await self._reader.readline()).decode().strip()
            self._stub.commands[-1] = command
        await self._act("auth", command, "235 2.7.0 Accepted")

    async def _on_mail(self, command: str) -> None:
        if await self._act("mail", command, "250 2.1.0 Ok") == 250:
            self._mail = command

    async def _on_rcpt(self, command: str) -> None:
        default = "250 2.1.5 Ok" if self._mail else "503 5.5.1 MAIL first"
        if await self._act("rcpt", command, default) in (250, 251):
            self._rcpts.append(command)

    async def _on_data(self, command: str) -> None:
        if await self._act("data", command, "354 Go" if self._rcpts else "554 5.5.1 No valid recipients") != 354:
            return
        content = await self._content()
        self._stub.wire += content
        message = Received(self._mail or "", self._rcpts, content, self._tls)
        if self._stub.lmtp:
            taken = [line for line in self._rcpts if await self._act("final", line, "250 2.0.0 Kept") == 250]
            self._stub.messages.append(Received(self._mail or "", taken, content, self._tls))
        elif await self._act("final", command, "250 2.0.0 Queued as 123") == 250:
            self._stub.messages.append(message)
        self._mail, self._rcpts = None, []

    async def _on_bdat(self, command: str) -> None:
        """Take all of the content in one chunk; scripted, it may go unread: `bdat` stands for who knows no BDAT."""
        if "bdat" in self._stub.script:
            await self._act("bdat", command, "")
            return
        _, size, *last = command.split()
        assert last == ["LAST"]
        content = await self._reader.readexactly(int(size))
        self._stub.wire += content
        message = Received(self._mail or "", self._rcpts, content, self._tls)
        friendly = "250 2.0.0 Queued as 123" if self._rcpts else "503 5.5.1 No valid recipients"
        if await self._act("final", command, friendly) == 250:
            self._stub.messages.append(message)
        self._mail, self._rcpts = None, []

    async def _content(self) -> bytes:
        """Read up to the final dot, which may be all there is."""
        lines = [b"\r\n"]
        while not (lines[-1] == b".\r\n" and lines[-2].endswith(b"\r\n")) or len(lines) == 1:
            lines.append(await self._reader.readline())
            if not lines[-1]:
                raise _HangUp
        return b"".join(lines[1:-1])

    async def _on_rset(self, command: str) -> None:
        self._mail, self._rcpts = None, []
        await self._act("rset", command, "250 2.0.0 Ok")

    async def _on_quit(self, command: str) -> None:
        await self._act("quit", command, "221 2.0.0 Bye")
        raise _HangUp

    async def _act(self, phase: str, command: str, friendly: str) -> int:
        """Do what the script says for this phase; returns the code of the reply."""
        script = self._stub.script.get(phase, friendly)
        action = script(command) if callable(script) else script
        if isinstance(action, Reset):
            self._writer.transport.abort()
            raise _HangUp
        if isinstance(action, Silence):
            await asyncio.Event().wait()
        if isinstance(action, Raw):
            await self._raw(action)
            return 0
        assert isinstance(action, str)
        self._writer.write(action.encode() + b"\r\n")
        await self._writer.drain()
        if action.startswith("421"):
            raise _HangUp
        return int(action[:3])

    async def _raw(self, action: Raw) -> None:
        if not action.delay:
            self._writer.write(action.data)
        else:
            for byte in action.data:
                self._writer.write(bytes([byte]))
                await self._writer.drain()  # raises once the client has gone
                await asyncio.sleep(action.delay)
        await self._writer.drain()
        if action.stall:
            await asyncio.Event().wait()
        if action.hang_up:
            raise _HangUp
