"""Mailboxes with display names in header fields (RFC 5322 3.4), read in one linear pass without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from typing_extensions import override

from transport.message.address import Address, InvalidAddress, parse_address
from transport.message.words import decode_words, display

MAX_MAILBOXES = 1000
MAX_VALUE = 65_536

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
      | "(?P<quoted>(?:[^"\\]|\\.)*+)"
      | \[(?P<literal>[^\[\]]*+)\]
      | (?P<special>[()<>,;:@])
      | (?P<atom>[^ \t\r\n()<>,;:@"\[]++)
      | (?P<stray>.)""",
    re.VERBOSE | re.DOTALL,
)
# Nearly every From field: one address, perhaps after a name without anything that could be read two ways.
_SIMPLE = re.compile(r"""([^\x00-\x1f"\\()<>,;:@\[\]]{0,500})<([^\s"\\()<>,;:\[\]]+)>\Z""")
_COMMENT_MARK = re.compile(r"\\.|[()]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the name to show with it."""

    address: Address
    name: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else str(self.address)


@dataclass(frozen=True, slots=True)
class MailboxList:
    """What an address field says; `is_malformed` when parsers might disagree about it."""

    mailboxes: tuple[Mailbox, ...]
    is_malformed: bool


@dataclass(slots=True)
class _Entry:
    """What has been read since the last comma."""

    words: list[str] = field(default_factory=list)
    plain: str = ""
    angle: str | None = None
    is_in_angle: bool = False
    has_at: bool = False
    is_malformed: bool = False
    has_content: bool = False


def parse_mailbox(text: str) -> Mailbox:
    """Read one mailbox typed by a person or sent by a program; strict, raises InvalidAddress."""
    if "<" not in text:
        return Mailbox(parse_address(text))
    found = parse_mailboxes(text)
    if found.is_malformed or len(found.mailboxes) != 1:
        raise InvalidAddress("address.syntax", "Write one address, as name@domain or Name <name@domain>.")
    return found.mailboxes[0]


def parse_mailboxes(value: str) -> MailboxList:
    """Read an unfolded address field; groups lose their names, comments vanish, nothing is raised."""
    if (simple := _SIMPLE.match(value)) and (mailbox := _simple_mailbox(simple[1], simple[2])):
        return MailboxList((mailbox,), is_malformed=False)
    mailboxes: list[Mailbox] = []
    is_malformed = len(value) > MAX_VALUE
    for entry in _entries(value[:MAX_VALUE]):
        mailbox = _mailbox(entry)
        is_malformed |= entry.is_malformed or (mailbox is None and entry.has_content)
        if mailbox and len(mailboxes) < MAX_MAILBOXES:
            mailboxes.append(mailbox)
        elif mailbox:
            is_malformed = True
    return MailboxList(tuple(mailboxes), is_malformed)


def _simple_mailbox(name: str, address: str) -> Mailbox | None:
    try:
        return Mailbox(parse_address(address), display(decode_words(" ".join(name.split()))))
    except InvalidAddress:
        return None


def _mailbox(entry: _Entry) -> Mailbox | None:
    text = entry.angle if entry.angle is not None else entry.plain
    try:
        address = parse_address(text)
    except InvalidAddress:
        return None
    name = " ".join(entry.words) if entry.angle is not None else ""
    return Mailbox(address, display(decode_words(name)))


def _entries(value: str) -> Iterator[_Entry]:
    entry, at, is_after_blank = _Entry(), 0, True
    while match := _TOKEN.match(value, at):
        at = match.end()
        if match["blank"]:
            is_after_blank = True
        elif match["special"] == "(":
            at, is_closed = _skip_comment(value, at)
            entry.is_malformed |= not is_closed
        elif match["special"] in {",", ";"} and not entry.is_in_angle:
            yield entry
            entry, is_after_blank = _Entry(), True
        elif match["special"] == ":" and not entry.is_in_angle:
            entry = _Entry(is_malformed=entry.angle is not None or entry.has_at)
        else:
            _take(entry, match, is_after_blank=is_after_blank)
            is_after_blank = False
    entry.is_malformed |= entry.is_in_angle
    yield entry


def _take(entry: _Entry, match: re.Match[str], *, is_after_blank: bool) -> None:
    entry.has_content = True
    if match["special"] == "<":
        # A second angle bracket is where parsers part ways: <a@a><b@b>.
        entry.is_malformed |= entry.angle is not None or entry.has_at
        entry.is_in_angle, entry.angle = True, ""
    elif match["special"] == ">":
        entry.is_malformed |= not entry.is_in_angle
        entry.is_in_angle = False
    elif entry.is_in_angle:
        entry.angle = (entry.angle or "") + match[0]
        entry.is_malformed |= bool(match["stray"])
    else:
        _take_plain(entry, match, is_after_blank=is_after_blank)


def _take_plain(entry: _Entry, match: re.Match[str], *, is_after_blank: bool) -> None:
    # Anything after <address> but a comment is malformed: <a@a>ceo@b.
    entry.is_malformed |= bool(match["stray"]) or entry.angle is not None
    entry.has_at |= match["special"] == "@"
    word = re.sub(r"\\(.)", r"\1", match["quoted"], flags=re.DOTALL) if match["quoted"] is not None else match[0]
    if is_after_blank or not entry.words:
        entry.words.append(word)
    else:
        entry.words[-1] += word
    entry.plain += (" " if is_after_blank and entry.plain else "") + match[0]


def _skip_comment(value: str, at: int) -> tuple[int, bool]:
    """Return the end of the comment opened before `at`, and whether it was closed; depth is a counter, not a stack."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(value, at):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if not depth:
            return mark.end(), True
    return len(value), False
