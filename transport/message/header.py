"""The header block of a message (RFC 5322 2.2, 3.6), read in bounded, linear time and without ever raising.

Nothing here looks at the body or at MIME: this is the only reading that the accept path does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Final, NamedTuple

from transport.message.mailbox import MailboxList, parse_mailboxes
from transport.message.words import decode_words, display

__all__ = ["Field", "HeaderDigest", "decoded", "digest", "display", "iter_fields", "parse_date", "read_header_block"]

HEADER_LIMIT: Final = 262_144
MAX_FIELDS: Final = 10_000
VALUE_LIMIT: Final = 16_384
TEXT_LIMIT: Final = 1_000
MAX_ADDRESS_FIELDS: Final = 20

_LOGICAL_LINE = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*+")
_WHOLE_LINE = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*+(?:[ \t][^\n]*\Z)?|[^\n]+\Z")  # the last one may have no end
_NAME = re.compile(rb"[!-9;-~]+\Z")
_FOLD = re.compile(rb"[\r\n]+")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,995}>")
_BY = re.compile(rb"\bby[ \t\r\n]+([A-Za-z0-9._:\[\]-]{1,255})")
_DATE = re.compile(
    r"(?:[A-Za-z]{3},?\s{1,9})?(\d{1,2})\s{1,9}([A-Za-z]{3})\s{1,9}(\d{4})\s{1,9}(\d{1,2}):(\d{2})(?::(\d{2}))?"
    r"(?:\s{1,9}([+-])(\d{2})(\d{2}))?"
)
_MONTHS: Final = ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_ABOUT_HASTE: Final = frozenset([b"list-id", b"precedence", b"priority", b"x-priority"])
_WANTED: Final = _ABOUT_HASTE | frozenset(
    [b"message-id", b"subject", b"date", b"from", b"sender", b"reply-to", b"auto-submitted", b"received"]
)
_GUARDED: Final = (b"return-path", b"authentication-results", b"x-postroom-")


class Field(NamedTuple):
    """One field: its name as written, and all of its bytes with name, folding and line end."""

    name: bytes
    raw: bytes

    @property
    def value(self) -> bytes:
        """The unfolded value, bounded."""
        body = self.raw.partition(b":")[2][:VALUE_LIMIT].rstrip(b" \t\r\n")
        return (_FOLD.sub(b"", body) if b"\n" in body or b"\r" in body else body).lstrip(b" \t")


@dataclass(frozen=True, slots=True)
class HeaderDigest:
    """What accepting, routing, tracking and loop detection want to know; texts are safe to show and to store.

    With `is_truncated` there are more header fields than were read, so who the message is from remains unknown.
    """

    message_id: str | None = None
    subject: str = ""
    date: str | None = None
    from_header: str = ""
    from_addresses: tuple[str, ...] = ()
    from_count: int = 0
    is_from_malformed: bool = False
    sender: str | None = None
    sender_count: int = 0
    reply_to: str = ""
    auto_submitted: str | None = None
    received_count: int = 0
    received_by: tuple[str, ...] = ()
    header_size: int = 0
    has_guarded_fields: bool = False  # some that a firewall has to look at (firewall.py)
    is_truncated: bool = False
    is_bulk: bool = False  # says itself that it is from a list, sent in bulk, or in no hurry

    @property
    def is_automatic(self) -> bool:
        """RFC 3834 5: no automatic answer to what is itself automatic."""
        return self.auto_submitted not in (None, "no")

    def local_hops(self, hostname: str) -> int:
        """Count how often this host has handled the message already."""
        return self.received_by.count(hostname.lower())


def read_header_block(content: bytes, limit: int = HEADER_LIMIT) -> bytes:
    """Return the header lines without the blank line that ends them, or their first `limit` octets."""
    if content.startswith((b"\r\n", b"\n")):
        return b""
    end = content.find(b"\r\n\r\n", 0, limit)
    bare = content.find(b"\n\n", 0, end if end >= 0 else limit)
    if bare >= 0 or end >= 0:
        return content[: bare + 1] if bare >= 0 else content[: end + 2]
    return content[:limit]


def iter_fields(block: bytes) -> Iterator[Field]:
    """Yield the fields in order, reading leniently what a parser elsewhere might take for a field.

    `From : x`, `From` folded before its colon and a first line that is indented all count: whoever checks who a
    message claims to be from has to see them.
    """
    for name, raw in _named_lines(block):
        if _NAME.match(name):
            yield Field(name, raw)


def logical_lines(block: bytes) -> Iterator[bytes]:
    """Yield each line with those that continue it, however many there are; together they are the block."""
    return (match[0] for match in _WHOLE_LINE.finditer(block))


def field_of(line: bytes) -> Field | None:
    """Return the field that a logical line holds, as leniently read as by `iter_fields`; None where it holds none."""
    name, colon, _ = line.partition(b":")
    name = name.strip(b" \t\r\n")
    return Field(name, line) if colon and _NAME.match(name) else None


def _named_lines(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield what stands before the first colon of each logical line, and the line; it need not be a field's name."""
    if block and not block.endswith(b"\n"):
        block += b"\r\n"
    for match in islice(_LOGICAL_LINE.finditer(block), MAX_FIELDS):
        raw = match[0]
        name, colon, _ = raw.partition(b":")
        if colon:
            yield name.strip(b" \t\r\n"), raw


def digest(content: bytes, limit: int = HEADER_LIMIT) -> HeaderDigest:
    """Read the header block once."""
    block = read_header_block(content, limit)
    found: dict[bytes, list[Field]] = {}
    has_guarded_fields = False
    for name, raw in _named_lines(block):
        key = name.lower()
        if key in _WANTED:
            found.setdefault(key, []).append(Field(name, raw))
        elif key.startswith(_GUARDED) and _NAME.match(name):
            has_guarded_fields = True
    from_fields = found.get(b"from", ())
    senders = _mailboxes(found.get(b"sender", ()))
    authors = _mailboxes(from_fields)
    is_truncated = len(block) >= limit or block.count(b"\n") > MAX_FIELDS
    received = found.get(b"received", ())
    return HeaderDigest(
        message_id=_message_id(found.get(b"message-id", ())),
        subject=_first_text(found.get(b"subject", ())) or "",
        date=_first_text(found.get(b"date", ())),
        from_header=_first_text(from_fields) or "",
        from_addresses=_addresses(authors),
        from_count=len(from_fields),
        is_from_malformed=any(author.is_malformed for author in authors) or len(authors) < len(from_fields),
        sender=next(iter(_addresses(senders)), None),
        sender_count=len(found.get(b"sender", ())),
        reply_to=_first_text(found.get(b"reply-to", ())) or "",
        auto_submitted=_keyword(found.get(b"auto-submitted", ())),
        received_count=len(received),
        received_by=tuple(host for field in received if (host := _received_by(field.raw))),
        header_size=len(block),
        # Where not all of it was read, there may be some.
        has_guarded_fields=has_guarded_fields or is_truncated,
        is_truncated=is_truncated,
        is_bulk=not found.keys().isdisjoint(_ABOUT_HASTE) and _is_bulk(found),
    )


def decoded(value: bytes) -> str:
    """Return an unfolded field value as text for people: encoded words decoded, unprintable characters gone."""
    text = value[:VALUE_LIMIT].decode("utf-8", "replace")
    return display(decode_words(text))[:TEXT_LIMIT]


def parse_date(text: str) -> datetime | None:
    """Read a Date field (RFC 5322 3.3) as UTC, or None; without a zone it is taken for UTC."""
    match = _DATE.match(text.strip()[:100])
    if not match or match[2].lower() not in _MONTHS:
        return None
    day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        local = datetime(
            int(year),
            _MONTHS.index(match[2].lower()),
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),
            tzinfo=UTC,
        )
        return local.replace(tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _first_text(fields: Sequence[Field]) -> str | None:
    return decoded(fields[0].value) if fields else None


def _mailboxes(fields: Iterable[Field]) -> list[MailboxList]:
    """Parse the fields that are short enough to be read whole, a bounded number of them."""
    whole = (field for field in fields if len(field.raw) <= VALUE_LIMIT)
    return [parse_mailboxes(field.value.decode("utf-8", "replace")) for field in islice(whole, MAX_ADDRESS_FIELDS)]


def _addresses(lists: Iterable[MailboxList]) -> tuple[str, ...]:
    return tuple(str(mailbox.address) for each in lists for mailbox in each.mailboxes)


def _message_id(fields: Sequence[Field]) -> str | None:
    text = _first_text(fields)
    if not text:
        return None
    match = _MESSAGE_ID.search(text)
    return match[0] if match else text


def _keyword(fields: Sequence[Field]) -> str | None:
    """RFC 3834 5: the keyword ends at a blank, a comment or parameters."""
    text = _first_text(fields)
    return re.split(r"[\s;(]", text, maxsplit=1)[0].lower() if text is not None else None


def _is_bulk(found: Mapping[bytes, Sequence[Field]]) -> bool:
    """RFC 2919 (List-Id), RFC 4021 (Priority), and what programs have long written: Precedence, X-Priority."""
    return (
        b"list-id" in found
        or _keyword(found.get(b"precedence", ())) in ("bulk", "list", "junk")
        or _keyword(found.get(b"priority", ())) == "non-urgent"
        or _keyword(found.get(b"x-priority", ())) in ("4", "5")
    )


def _received_by(raw: bytes) -> str | None:
    match = _BY.search(raw, 0, VALUE_LIMIT)
    return match[1].decode("ascii").lower() if match else None
