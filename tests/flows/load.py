"""Mail servers that hand in messages without pause and remember what was acknowledged, and a slow one that takes mail.

What a sender is not told the end of it never sends again: each Message-ID is offered once, so two letters with the
same one are a fault of ours.
"""

from __future__ import annotations

import asyncio
import email.utils
import smtplib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.platform_process import PlatformProcess, eventually

PACE = 0.04  # seconds between two messages of a sender: the machine has others to serve
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Refusal:
    code: int
    text: str


class Load:
    """So many senders at a time, from the beginning to the end of a `with`."""

    def __init__(self, platform: PlatformProcess, recipient: str, *, senders: int = 8) -> None:
        self.acknowledged: dict[str, float] = {}  # when, by Message-ID
        self.refusals: list[Refusal] = []
        self.broken = 0
        self._address = platform.host, platform.smtp_port
        self._recipient = recipient
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send_on) for _ in range(senders)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> float:
        """Wait until so many more are acknowledged; return how long that took."""
        begun, wanted = time.monotonic(), len(self.acknowledged) + more
        eventually(lambda: len(self.acknowledged) >= wanted, timeout=PATIENCE)
        return time.monotonic() - begun

    def _send_on(self) -> None:
        while not self._stop.is_set():
            try:
                with smtplib.SMTP(*self._address, local_hostname="mx.fabrikam.example", timeout=PATIENCE) as client:
                    while not self._stop.wait(PACE):
                        self._send(client)
            except smtplib.SMTPRecipientsRefused as error:
                self.refusals += [Refusal(code, text.decode()) for code, text in error.recipients.values()]
            except smtplib.SMTPResponseException as error:
                text = error.smtp_error
                self.refusals.append(Refusal(error.smtp_code, text.decode() if isinstance(text, bytes) else text))
            except OSError:
                self.broken += 1
            self._stop.wait(PACE)

    def _send(self, client: smtplib.SMTP) -> None:
        message_id = new_message_id()
        client.sendmail("load@fabrikam.example", [self._recipient], letter(message_id, self._recipient))
        self.acknowledged[message_id] = time.monotonic()


def new_message_id() -> str:
    return f"<{uuid4().hex}@fabrikam.example>"


def letter(message_id: str, recipient: str, *, sender: str = "load@fabrikam.example") -> bytes:
    header = {"From": sender, "To": recipient, "Subject": "Load", "Message-ID": message_id}
    lines = [f"{name}: {value}" for name, value in {**header, "Date": email.utils.formatdate()}.items()]
    return "\r\n".join([*lines, "", *["One line of a letter that is not very long."] * 20, ""]).encode()


class SlowHop:
    """A next hop that takes its time over each message, and notes those for which it said 250."""

    def __init__(self, host: str, *, seconds: float) -> None:
        self.accepted: list[tuple[str, float]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._seconds = seconds
        self.host, self.port = host, _free_port(host)
        self._controller = Controller(self, hostname=host, port=self.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self._at_once -= 1
        assert isinstance(envelope.content, bytes)
        head, _, _ = envelope.content.partition(b"\r\n\r\n")
        message_id = next(line for line in head.split(b"\r\n") if line.startswith(b"Message-ID: "))
        self.accepted.append((message_id.removeprefix(b"Message-ID: ").decode(), time.monotonic()))
        return "250 2.0.0 Taken"

    def doubled(self) -> list[str]:
        return [message_id for message_id, count in self.copies().items() if count > 1]

    def copies(self) -> Counter[str]:
        return Counter(message_id for message_id, _ in self.accepted)

    def count(self, wanted: Iterable[str]) -> int:
        return len(self.copies().keys() & set(wanted))


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: Any = probe.getsockname()[1]
    return int(port)
