"""Composing a message from its parts (RFC 5322, RFC 2045), for the API, the console and our own notices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from transport.message.encode import (
    InvalidHeader,
    attachment_part,
    mailbox_field,
    message_id_field,
    multipart,
    structured_field,
    text_field,
    text_part,
)
from transport.message.mailbox import Mailbox
from transport.message.received import rfc5322_date

__all__ = ["Attachment", "ComposedMessage", "InvalidHeader", "compose"]

MAX_REFERENCES: Final = 50
# Fields that say who sent it, how it is built and where it has been are ours to write.
_RESERVED = re.compile(
    r"(?:from|sender|reply-to|to|cc|bcc|subject|date|message-id|in-reply-to|references|mime-version|content-.*"
    r"|received|return-path|delivered-to|auto-submitted|resent-.*|dkim-signature|authentication-results|arc-.*)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Attachment:
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ComposedMessage:
    """What a person or a program wants to send; `bcc` is for the envelope and never written."""

    from_: Mailbox
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    sender: Mailbox | None = None
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    auto_submitted: str | None = None


def compose(message: ComposedMessage, *, message_id: str, date: datetime) -> bytes:
    """Return the whole message, CRLF and 7-bit; raises InvalidHeader for text that could break out of its field."""
    header = [*_origin(message, message_id, date), *_custom(message.headers), b"MIME-Version: 1.0\r\n"]
    return b"".join(header) + _body(message)


def _origin(message: ComposedMessage, message_id: str, date: datetime) -> list[bytes]:
    fields = [structured_field("Date", rfc5322_date(date)), mailbox_field("From", [message.from_])]
    if message.sender:
        fields.append(mailbox_field("Sender", [message.sender]))
    addressed = {"Reply-To": message.reply_to, "To": message.to, "Cc": message.cc}
    fields += [mailbox_field(name, mailboxes) for name, mailboxes in addressed.items() if mailboxes]
    fields += [text_field("Subject", message.subject), message_id_field("Message-ID", [message_id])]
    if message.in_reply_to:
        fields.append(message_id_field("In-Reply-To", [message.in_reply_to]))
    if message.references:
        fields.append(message_id_field("References", message.references[-MAX_REFERENCES:]))
    if message.auto_submitted:
        fields.append(structured_field("Auto-Submitted", message.auto_submitted))
    return fields


def _custom(headers: Mapping[str, str]) -> list[bytes]:
    for name in headers:
        if _RESERVED.match(name):
            raise InvalidHeader(name, "This field cannot be set by hand.")
    return [text_field(name, value) for name, value in headers.items()]


def _body(message: ComposedMessage) -> bytes:
    texts = []
    if message.text is not None or message.html is None:
        texts.append(text_part(message.text or ""))
    if message.html is not None:
        texts.append(text_part(message.html, "html"))
    body = texts[0] if len(texts) == 1 else multipart("alternative", texts)
    if not message.attachments:
        return body
    parts = [attachment_part(each.filename, each.content_type, each.content) for each in message.attachments]
    return multipart("mixed", [body, *parts])
