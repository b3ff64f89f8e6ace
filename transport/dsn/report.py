"""Delivery status notifications (RFC 3461 6, RFC 3464, RFC 6522): what became of a message, for people and programs.

The first part tells a person what happened, on whose side it lies and what to do; the second tells programs; the
third returns the message or its header. The caller sends the result with a null envelope sender.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from transport.dsn.facts import Action, FailedRecipient, Report, Side
from transport.dsn.fields import status_part
from transport.dsn.text import Kind, human_text, title
from transport.message.address import InvalidAddress
from transport.message.encode import (
    InvalidHeader,
    mailbox_field,
    message_id_field,
    multipart,
    structured_field,
    text_field,
    text_part,
)
from transport.message.header import digest, read_header_block
from transport.message.lines import normalise_newlines
from transport.message.mailbox import Mailbox, parse_mailbox
from transport.message.received import rfc5322_date

__all__ = [
    "COMPOSERS",
    "Action",
    "FailedRecipient",
    "Report",
    "Side",
    "compose_delay",
    "compose_failure",
    "compose_success",
]

MAX_HEADER: Final = 65_536
_LONGEST_LINE: Final = 998


def compose_failure(report: Report, translate: Callable[[str], str] = str) -> bytes:
    """Say that delivery has failed for good."""
    return _compose(report, Kind.FAILURE, translate)


def compose_delay(report: Report, translate: Callable[[str], str] = str) -> bytes:
    """Say that delivery has not succeeded yet and goes on being tried."""
    return _compose(report, Kind.DELAY, translate)


def compose_success(report: Report, translate: Callable[[str], str] = str) -> bytes:
    """Say that the message has been delivered or handed on, to a sender who asked for it (NOTIFY=SUCCESS)."""
    return _compose(report, Kind.SUCCESS, translate)


COMPOSERS: Final = {Kind.FAILURE: compose_failure, Kind.DELAY: compose_delay, Kind.SUCCESS: compose_success}


def _compose(report: Report, kind: Kind, translate: Callable[[str], str]) -> bytes:
    original = digest(report.original)
    parts = [
        text_part(human_text(report, kind, original, translate)),
        status_part(report, kind),
        _returned(report),
    ]
    header = [
        structured_field("Date", rfc5322_date(report.date)),
        mailbox_field("From", [Mailbox(_mailbox(report.postmaster).address, translate("Mail delivery"))]),
        mailbox_field("To", [_mailbox(report.sender)]),
        text_field("Subject", title(kind, original.subject, translate)),
        message_id_field("Message-ID", [report.message_id]),
        _thread(original.message_id),
        # RFC 3834 5: so that nobody answers this by machine.
        b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
    ]
    return b"".join(header) + multipart("report", parts, {"report-type": "delivery-status"})


def _mailbox(text: str) -> Mailbox:
    try:
        return parse_mailbox(text)
    except InvalidAddress as error:
        raise InvalidHeader("To", error.reason) from error


def _thread(message_id: str | None) -> bytes:
    """Tie the notice to the message it is about, if that has an identifier that can be written."""
    if not message_id:
        return b""
    try:
        return message_id_field("In-Reply-To", [message_id]) + message_id_field("References", [message_id])
    except InvalidHeader:
        return b""


def _returned(report: Report) -> bytes:
    """Return the original whole, if it is short and can travel as it is; else its header (RFC 6522 4)."""
    content = normalise_newlines(report.original)
    if report.headers_only or len(content) > report.max_original or not _can_travel(content, report.allow_8bit):
        return _returned_header(content)
    encoding = "7bit" if content.isascii() else "8bit"
    return (
        structured_field("Content-Type", "message/rfc822")
        + structured_field("Content-Transfer-Encoding", encoding)
        + b"\r\n"
        + content
    )


def _can_travel(content: bytes, allow_8bit: bool) -> bool:
    # RFC 2046 5.2.1: message/rfc822 may be neither base64 nor quoted-printable, so what needs them is not returned.
    if b"\0" in content or not (allow_8bit or content.isascii()):
        return False
    return max(map(len, content.split(b"\r\n"))) <= _LONGEST_LINE


def _returned_header(content: bytes) -> bytes:
    header = read_header_block(content, MAX_HEADER).decode("utf-8", "replace")
    return text_part(header, "rfc822-headers")
