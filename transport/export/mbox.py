"""Letters as an mbox file (RFC 4155), quoted as mboxrd has it, so that every byte comes back.

A letter keeps its CRLF; the lines that the format adds, the From_ line before it and the empty one after, end in LF.
`^>+From ` lines lose one `>` on reading.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_FROM: Final = re.compile(rb"^(?=>*From )", re.MULTILINE)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def entry(content: bytes, sender: str, received_at: datetime) -> bytes:
    """Return one letter as it stands in the file; `sender` is the envelope's, empty for a notice."""
    end = b"\n" if content.endswith(b"\n") else b"\n\n"
    return b"From " + _address(sender) + b" " + _asctime(received_at) + b"\n" + _FROM.sub(b">", content) + end


def unquoted(content: bytes) -> bytes:
    """Return a letter of the file as it was before `entry` quoted it."""
    return re.sub(rb"^>(?=>*From )", b"", content, flags=re.MULTILINE)


def _address(sender: str) -> bytes:
    """Return the sender as one word; what no From_ line holds is left out."""
    word = "".join(letter for letter in sender if letter.isprintable() and not letter.isspace())
    return (word or "MAILER-DAEMON").encode()


def _asctime(at: datetime) -> bytes:
    """Return the time in asctime's form, in UTC and English whatever the locale."""
    at = at.astimezone(UTC)
    return f"{_DAYS[at.weekday()]} {_MONTHS[at.month - 1]} {at.day:2} {at:%H:%M:%S} {at.year}".encode()
