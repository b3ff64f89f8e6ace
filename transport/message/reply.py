"""SMTP replies (RFC 5321 4.2) with enhanced status codes (RFC 2034, RFC 3463): reading a peer's, writing ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from typing_extensions import override

MAX_LINES = 100
MAX_LINE = 2048
MAX_TEXT = 8192
# RFC 5321 4.5.3.1.5: a reply line is at most 512 octets; code, enhanced code and CRLF take up to 18 of them.
WIRE_TEXT = 490

_CODE = re.compile(rb"([2-5][0-9]{2})(?:[ -](.*))?$", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")
# Those that turn the direction of text around are among them: `exe.txt` must not be shown for `txt.exe`.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; code 0 stands for something that is no SMTP reply at all."""

    code: int
    enhanced: str | None
    text: str

    @property
    def is_success(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code < 600

    def wire(self) -> str:
        """Return the reply as SMTP lines without the last CRLF; control characters cannot get out."""
        prefix = f"{self.enhanced} " if self.enhanced else ""
        lines = [prefix + line for line in _wire_lines(self.text)]
        last = len(lines) - 1
        return "\r\n".join(f"{self.code}{' ' if at == last else '-'}{line}".rstrip() for at, line in enumerate(lines))

    @override
    def __str__(self) -> str:
        """Return code, enhanced status and text on one line, for people and logs."""
        text = " ".join(_escape_controls(line) for line in self.text.splitlines())
        return " ".join(part for part in (str(self.code), self.enhanced, text) if part)

    @classmethod
    def parse(cls, lines: Sequence[bytes]) -> Self:
        """Read a peer's reply lines, with or without CRLF; bounded, and never raises whatever the peer sent."""
        code, texts = 0, []
        for line in lines[:MAX_LINES]:
            line = line.rstrip(b"\r\n")[:MAX_LINE]
            if match := _CODE.match(line):
                code = int(match[1])
                line = match[2] or b""
            texts.append(_escape_controls(line.decode("utf-8", "backslashreplace")).strip())
        enhanced, text = _split_enhanced(texts)
        return cls(code, enhanced, text[:MAX_TEXT])


def _split_enhanced(texts: Iterable[str]) -> tuple[str | None, str]:
    """Take the enhanced code off each line, as RFC 2034 4 repeats it; the first one counts."""
    enhanced, kept = None, []
    for text in texts:
        match = _ENHANCED.match(text)
        if match and enhanced in (None, match[1]):
            enhanced = match[1]
            text = text[match.end() :]
        kept.append(text)
    return enhanced, "\n".join(kept).strip("\n")


def _escape_controls(text: str) -> str:
    """Show control characters as \\xNN: the words stay verbatim, but can forge no line and drive no terminal."""
    if text.isprintable():
        return text
    return _CONTROLS.sub(lambda match: " " if match[0] == "\t" else _escape(match[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _wire_lines(text: str) -> Iterator[str]:
    if len(text) <= WIRE_TEXT and text.isascii() and text.isprintable():
        yield text
        return
    lines = (_escape_controls(line) for line in text[:MAX_TEXT].splitlines() or [""])
    yield from (chunk for line in lines for chunk in _chunks(line))


def _chunks(line: str) -> Iterator[str]:
    while len(line.encode()) > WIRE_TEXT:
        head = line.encode()[:WIRE_TEXT].decode("utf-8", "ignore")
        cut = head.rfind(" ")
        head = head[:cut] if cut > 0 else head
        yield head
        line = line[len(head) :].lstrip(" ")
    yield line
