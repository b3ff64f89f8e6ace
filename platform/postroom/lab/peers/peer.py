"""What all peers have in common: where they listen, whom they take mail for, what they took and what they refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiosmtpd.smtp import Envelope, Session

from postroom.lab.config import Endpoint
from postroom.lab.network import Network
from postroom.lab.peers import replies
from postroom.lab.peers.session import PeerSession
from postroom.lab.sites import PeerSite

KEPT_MESSAGES = 1000
KEPT_BYTES = 64 * 1024 * 1024
ALWAYS_THERE = ("postmaster", "abuse")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recipient that a client asked for."""

    client: str
    helo: str
    sender: str  # '' is the null sender
    recipient: str


@dataclass(frozen=True, slots=True)
class Refused:
    attempt: Attempt
    reply: str


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    smtputf8: bool
    encrypted: bool


class Peer:
    """Takes mail for its domains and keeps it in memory; subclasses add the character."""

    def __init__(self, site: PeerSite, endpoint: Endpoint, network: Network) -> None:
        self.site = site
        self.endpoint = endpoint
        self.network = network
        self.received: list[ReceivedMessage] = []
        self.refused: list[Refused] = []
        self.sessions: set[PeerSession] = set()
        self._arrival = asyncio.Condition()
        self._count = 0

    async def start(self) -> None:
        host, port = self.endpoint
        self._server = await asyncio.get_running_loop().create_server(lambda: PeerSession(self), host, port)

    async def stop(self) -> None:
        self._server.close()
        for session in list(self.sessions):
            await session.abort()
        await self._server.wait_closed()

    async def hesitate(self) -> None:
        """Wait before a reply, if that is the peer's character."""

    @property
    def checks(self) -> Sequence[Callable[[Attempt], Awaitable[str | None]]]:
        """What is asked about each recipient, in order; the first refusal is the answer."""
        return (self.check_relay, self.check_user)

    async def check_relay(self, attempt: Attempt) -> str | None:
        known = attempt.recipient.rpartition("@")[2].lower() in self.site.domains
        return None if known else replies.RELAY_DENIED.format(recipient=attempt.recipient)

    async def check_user(self, attempt: Attempt) -> str | None:
        user = user_of(attempt.recipient)
        if user == "full":
            return replies.MAILBOX_FULL.format(recipient=attempt.recipient)
        if user == "closed":
            return replies.MAILBOX_CLOSED.format(recipient=attempt.recipient)
        if user in ALWAYS_THERE or (user in self.site.users if self.site.users else user != "unknown"):
            return None
        return replies.USER_UNKNOWN.format(recipient=attempt.recipient)

    async def refusal_of(self, session: Session, envelope: Envelope, recipient: str) -> str | None:
        attempt = Attempt(_client(session), session.host_name or "", sender_of(envelope), recipient)
        for check in self.checks:
            if reply := await check(attempt):
                self.refused.append(Refused(attempt, reply))
                del self.refused[:-KEPT_MESSAGES]
                return reply
        return None

    async def take(self, session: Session, envelope: Envelope, content: bytes) -> str:
        await self.hesitate()
        message = ReceivedMessage(
            client=_client(session),
            helo=session.host_name or "",
            sender=sender_of(envelope),
            recipients=tuple(envelope.rcpt_tos),
            content=content,
            smtputf8=bool(envelope.smtp_utf8),
            encrypted=session.ssl is not None,
        )
        async with self._arrival:
            self.received.append(message)
            self._forget_old()
            self._arrival.notify_all()
        self._count += 1
        self.act_on(message)
        return replies.QUEUED.format(number=self._count)

    def act_on(self, message: ReceivedMessage) -> None:
        """Do what the character does with mail; silence unless a subclass says otherwise."""

    async def wait_for(
        self,
        count: int = 1,
        *,
        timeout: float = 10.0,
        matching: Callable[[ReceivedMessage], bool] = lambda message: True,
    ) -> list[ReceivedMessage]:
        """Return the matching messages once there are `count`; raise TimeoutError otherwise."""

        def found() -> list[ReceivedMessage]:
            return [message for message in self.received if matching(message)]

        async with asyncio.timeout(timeout), self._arrival:
            await self._arrival.wait_for(lambda: len(found()) >= count)
            return found()

    def _forget_old(self) -> None:
        size = sum(len(message.content) for message in self.received)
        while len(self.received) > KEPT_MESSAGES or (size > KEPT_BYTES and len(self.received) > 1):
            size -= len(self.received.pop(0).content)


def user_of(address: str) -> str:
    """Return the mailbox's name: the local part without a `+detail`."""
    return address.rpartition("@")[0].partition("+")[0].lower()


def sender_of(envelope: Envelope) -> str:
    return "" if envelope.mail_from in {None, "<>"} else str(envelope.mail_from)


def _client(session: Session) -> str:
    return str(session.peer[0]) if session.peer else ""
