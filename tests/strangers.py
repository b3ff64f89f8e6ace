"""Clients from outside the project's code that hand mail to a running platform: Python's own smtplib."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from tests.platform_process import PlatformProcess


def relay(
    platform: PlatformProcess, recipient: str, *, sender: str = "stranger@fabrikam.example", source: str = "127.0.0.1"
) -> str:
    """Hand a message to port 25 from a source address; return the refusal, or nothing."""
    with smtplib.SMTP(platform.host, platform.smtp_port, timeout=20, source_address=(source, 0)) as client:
        return _send(client, sender, recipient)


def submit(platform: PlatformProcess, sender: str, password: str, recipient: str) -> str:
    """Submit a message with STARTTLS and AUTH; return the refusal of the recipient, or nothing."""
    with smtplib.SMTP(platform.host, platform.submission_port, timeout=20) as client:
        client.starttls(context=ssl._create_unverified_context())  # noqa: S323 - the certificate was made a minute ago
        client.login(sender, password)
        return _send(client, sender, recipient)


def _send(client: smtplib.SMTP, sender: str, recipient: str) -> str:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, "Hello"
    message.set_content("Hello")
    try:
        client.send_message(message, sender, [recipient])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = error.recipients[recipient]
        return f"{code} {text.decode()}"
    except smtplib.SMTPSenderRefused as error:
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode()}"
    return ""
