"""A client from outside the project's code, for the tests: smtplib in a thread."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Sequence

from postroom.lab.config import Endpoint

MESSAGE = b"From: ann@contoso.example\r\nSubject: Hello\r\n\r\nHow are you?\r\n"


async def send(
    endpoint: Endpoint,
    recipients: Sequence[str],
    *,
    sender: str = "ann@contoso.example",
    helo: str = "mail.contoso.example",
    content: bytes = MESSAGE,
) -> tuple[int, str]:
    """Return the last reply: to the end of DATA, or the one that refused the sender or every recipient."""
    return await asyncio.to_thread(_send, endpoint, recipients, sender, helo, content)


def _send(endpoint: Endpoint, recipients: Sequence[str], sender: str, helo: str, content: bytes) -> tuple[int, str]:
    with smtplib.SMTP(*endpoint, local_hostname=helo, timeout=10) as client:
        client.ehlo()
        code, text = client.mail(sender, ["SMTPUTF8"] if not sender.isascii() else [])
        if code == 250:
            replies = [client.rcpt(recipient) for recipient in recipients]
            code, text = next((reply for reply in replies if reply[0] == 250), replies[-1])
        if code == 250:
            code, text = client.data(content)
    return code, text.decode()
