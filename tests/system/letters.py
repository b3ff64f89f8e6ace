"""What the tests with foreign servers write, and how they see that it arrived."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tests.person import Person
from tests.platform_process import ApiCaller, PlatformProcess, eventually

ANN, BOB = "ann@contoso.example", "bob@contoso.example"
# Lines that careless programs change.
AWKWARD = "\r\n".join([".", "..two dots", "", "From here on", "Grüße, 8 bits", "x" * 900, "trailing blank ", "\ttab"])


class Server(Protocol):
    @property
    def log(self) -> str: ...

    def received(self) -> list[bytes]: ...


def letter(token: str, *, to: str, sender: str = ANN, body: str = "Hello.", subject: str = "") -> bytes:
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject or token}", f"Message-ID: <{token}@contoso.example>"]
    lines += ["Date: Mon, 5 Jan 2026 10:00:00 +0000", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"]
    return "\r\n".join([*lines, "Content-Transfer-Encoding: 8bit", "", body, ""]).encode()


@contextmanager
def submission(platform: PlatformProcess, address: str) -> Iterator[smtplib.SMTP]:
    """A session at the submission port, encrypted and signed in."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(platform.host, platform.submission_port, timeout=20) as client:
        client.starttls(context=context)
        client.login(address, platform.logins[address])
        yield client


def events(api: ApiCaller, token: str, **wanted: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in ({"subject": token} | wanted).items())
    found: list[dict[str, Any]] = api.get(f"tracking-events/?{query}").body["results"]
    return found


def taken(server: Server, *marks: str) -> bytes:
    """Wait for the message in the server's maildir that holds all of these, and return it with CRLF."""

    def probe() -> bytes | None:
        return next((mail for mail in server.received() if all(mark.encode() in mail for mark in marks)), None)

    mail = eventually(probe)
    assert mail is not None
    return mail.replace(b"\n", b"\r\n")


def logged(server: Server, pattern: str) -> re.Match[str]:
    found = eventually(lambda: re.search(pattern, server.log))
    assert found is not None
    return found


def source_of(person: Person, title: str, mark: str = "") -> bytes:
    """Wait for the letter in somebody's mailbox that has this title and holds this mark, and return its bytes."""

    def probe() -> bytes | None:
        page = person.open("/mail/")
        letters = [href for text, href in page.anchors if title in text and href.startswith("/mail/")]
        sources = (person.download(f"{href}source/") for href in letters)
        return next((source for source in sources if mark.encode() in source), None)

    found = eventually(probe)
    assert found is not None
    return found
