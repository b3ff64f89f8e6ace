"""Reading a stored message for a person: its text, its HTML and its attachments, whatever a stranger built.

Nothing here makes HTML safe to show: that is the page's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from transport.message.charset import decode
from transport.message.header import decoded, iter_fields, read_header_block
from transport.message.mime import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_PARTS,
    Part,
    estimated_size,
    part_octets,
    split_parts,
)
from transport.message.words import display

__all__ = ["PartContent", "ReadableAttachment", "ReadableMessage", "part_content", "readable"]

MAX_TEXT: Final = 1_000_000
MAX_FILENAME: Final = 200
_SHOWN: Final = ("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id")
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,100}\Z")
_PATH_SEPARATORS = re.compile(r"(?:\.*[/\\:]+)+")
# A text may keep its line ends and tabs, but no other control character.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class ReadableAttachment:
    """`size` is an estimate for encoded parts; `index` is what `part_content` takes."""

    name: str
    content_type: str
    size: int
    index: int


@dataclass(frozen=True, slots=True)
class ReadableMessage:
    """`headers` are those worth showing, in a fixed order, decoded; `html` is as hostile as its sender."""

    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[ReadableAttachment, ...]
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class PartContent:
    name: str
    content_type: str
    content: bytes


def readable(
    content: bytes, *, max_parts: int = MAX_PARTS, max_depth: int = MAX_DEPTH, max_bytes: int = MAX_BYTES
) -> ReadableMessage:
    """Return what a person wants to see; never raises, and says if limits left something out."""
    parts = split_parts(content, max_parts=max_parts, max_depth=max_depth, max_bytes=max_bytes)
    shown = {"text/plain": "", "text/html": ""}
    attachments = []
    is_truncated = parts.is_truncated
    for part in parts.leaves:
        kind = part.content_type
        if not _is_body(part) or (kind == "text/html" and shown[kind]):
            attachments.append(_attachment(part))
            continue
        text = _text(content, part, MAX_TEXT - len(shown[kind]))
        is_truncated |= len(shown[kind]) + len(text) >= MAX_TEXT
        shown[kind] = f"{shown[kind]}\n{text}" if shown[kind] else text
    return ReadableMessage(_headers(content), shown["text/plain"], shown["text/html"], tuple(attachments), is_truncated)


def part_content(content: bytes, index: int, *, max_parts: int = MAX_PARTS) -> PartContent | None:
    """Return one part for download, or None if there is no such part."""
    leaves = split_parts(content, max_parts=max_parts).leaves
    if not 0 <= index < len(leaves):
        return None
    part = leaves[index]
    described = _attachment(part)
    return PartContent(described.name, described.content_type, part_octets(content, part))


def _is_body(part: Part) -> bool:
    return part.content_type in {"text/plain", "text/html"} and part.disposition != "attachment" and not part.filename


def _text(content: bytes, part: Part, room: int) -> str:
    # Decoding is bounded before it begins: an encoded octet takes at most three, a line end two.
    limit = part.start + max(room, 0) * 4
    cut = part if part.end <= limit else replace(part, end=limit)
    text = decode(part_octets(content, cut), part.charset)[: max(room, 0)]
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _attachment(part: Part) -> ReadableAttachment:
    kind = part.content_type if _MEDIA_TYPE.match(part.content_type) else "application/octet-stream"
    return ReadableAttachment(_filename(part.filename, part.index), kind, estimated_size(part), part.index)


def _filename(name: str, index: int) -> str:
    """Make the name safe for a header and a disk: no path, no control or directional characters."""
    safe = _PATH_SEPARATORS.sub("_", display(name)[:1000]).strip(" .")
    if len(safe) > MAX_FILENAME:
        stem, dot, extension = safe.rpartition(".")
        safe = f"{stem[: MAX_FILENAME - 20]}{dot}{extension[:19]}" if dot else safe[:MAX_FILENAME]
    return safe or f"part-{index}"


def _headers(content: bytes) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for field in iter_fields(read_header_block(content)):
        name = field.name.decode("ascii").lower()
        if name in _SHOWN:
            # All of them if there are several: two From fields are what a reader should see.
            text = decoded(field.value)
            found[name] = f"{found[name]}, {text}"[:4000] if name in found else text
    return tuple((name.title().replace("Id", "ID"), found[name]) for name in _SHOWN if name in found)
