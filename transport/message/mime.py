"""The parts of a message (RFC 2046), found in one forward pass with a stack of boundaries: bounded, never recursive."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from transport.message.header import Field, iter_fields, read_header_block
from transport.message.parameters import parse_parameters
from transport.message.words import decode_base64

MAX_PARTS: Final = 200
MAX_DEPTH: Final = 20
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_BOUNDARY_LINES: Final = 50_000
PART_HEADER_LIMIT: Final = 32_768
# RFC 2046 5.1.1 allows 70; what is longer than a header line could be is no boundary.
MAX_BOUNDARY: Final = 998


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf: where its body lies in the content, and what its fields say."""

    index: int
    content_type: str
    charset: str
    filename: str
    disposition: str
    encoding: str
    start: int
    end: int
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """The leaves in order; `is_truncated` when limits left something out."""

    leaves: tuple[Part, ...]
    is_truncated: bool


@dataclass(slots=True)
class _Fields:
    """The MIME fields of one part or of the message."""

    content_type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    disposition: str = ""
    filename: str = ""
    encoding: str = "7bit"
    body_at: int = 0


@dataclass(slots=True)
class _Scan:
    """The state of the pass: open multiparts from the outside in, and the leaf being read."""

    content: bytes
    max_parts: int
    max_depth: int
    leaves: list[Part] = field(default_factory=list)
    levels: list[tuple[bytes, str]] = field(default_factory=list)
    by_boundary: dict[bytes, int] = field(default_factory=dict)
    is_truncated: bool = False
    open_part: _Fields | None = None


def split_parts(
    content: bytes, *, max_parts: int = MAX_PARTS, max_depth: int = MAX_DEPTH, max_bytes: int = MAX_BYTES
) -> Parts:
    """Return the leaves of the message, without looking into attached messages."""
    scan = _Scan(content[:max_bytes], max_parts, max_depth, is_truncated=len(content) > max_bytes)
    _open(scan, 0)
    for count, (line_at, mark, next_at) in enumerate(_boundary_lines(scan.content)):
        if not scan.levels:
            break
        if count >= MAX_BOUNDARY_LINES or len(scan.leaves) >= max_parts:
            scan.is_truncated = True
            break
        _meet(scan, line_at, mark, next_at)
    _close(scan, len(scan.content))
    if not scan.leaves:
        # A multipart without any part: show what is there.
        scan.levels.clear()
        scan.open_part = _Fields(body_at=_read_fields(scan.content, 0).body_at)
        _close(scan, len(scan.content))
    return Parts(tuple(scan.leaves), scan.is_truncated)


def part_octets(content: bytes, part: Part) -> bytes:
    """Return the part's body with its transfer encoding undone; what is broken is decoded as far as it goes."""
    body = content[part.start : part.end]
    if part.encoding == "base64":
        return decode_base64(body)
    if part.encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    return body


def estimated_size(part: Part) -> int:
    """Tell the size of the decoded part without decoding it; exact only for parts that are not encoded."""
    size = part.end - part.start
    # Lines of 76 characters and CRLF hold 57 octets.
    return size * 57 // 78 if part.encoding == "base64" else size


def _boundary_lines(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield start, text without the two hyphens, and end of each line that could be a boundary."""
    at = 0 if content.startswith(b"--") else content.find(b"\n--") + 1
    while at or content.startswith(b"--"):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        yield at, content[at + 2 : min(end, at + MAX_BOUNDARY + 8)].rstrip(b" \t\r"), min(end + 1, len(content))
        at = content.find(b"\n--", end) + 1
        if not at:
            return


def _meet(scan: _Scan, line_at: int, mark: bytes, next_at: int) -> None:
    """Act on a line that may be the boundary of any open multipart; an outer one closes the inner ones."""
    level = scan.by_boundary.get(mark)
    is_last = False
    if level is None and mark.endswith(b"--"):
        level, is_last = scan.by_boundary.get(mark[:-2]), True
    if level is None:
        return
    _close(scan, line_at)
    _cut_levels(scan, level if is_last else level + 1)
    if not is_last:
        _open(scan, next_at)


def _open(scan: _Scan, at: int) -> None:
    """Read the fields of a part; a multipart becomes a level, all else a leaf that lasts to the next boundary."""
    fields = _read_fields(scan.content, at)
    boundary = fields.parameters.get("boundary", "").encode("utf-8", "replace").rstrip(b" \t")
    if not fields.content_type.startswith("multipart/"):
        scan.open_part = fields
    elif not 0 < len(boundary) <= MAX_BOUNDARY:
        # RFC 2045 5.2: what cannot be read as it is labelled is shown as text.
        fields.content_type = "text/plain"
        scan.open_part = fields
    elif len(scan.levels) >= scan.max_depth:
        scan.is_truncated = True
        scan.open_part = fields
    else:
        # With one boundary on two levels the inner one would never end, so the outer one keeps it.
        scan.by_boundary.setdefault(boundary, len(scan.levels))
        scan.levels.append((boundary, fields.content_type))


def _close(scan: _Scan, at: int) -> None:
    fields, scan.open_part = scan.open_part, None
    if fields is None:
        return
    if len(scan.leaves) >= scan.max_parts:
        scan.is_truncated = True
        return
    scan.leaves.append(
        Part(
            index=len(scan.leaves),
            content_type=fields.content_type,
            charset=fields.parameters.get("charset", "utf-8"),
            filename=fields.filename,
            disposition=fields.disposition,
            encoding=fields.encoding,
            start=min(fields.body_at, at),
            end=max(_without_line_end(scan.content, at), min(fields.body_at, at)) if scan.levels else at,
            parents=tuple(kind for _, kind in scan.levels),
        )
    )


def _without_line_end(content: bytes, at: int) -> int:
    """RFC 2046 5.1.1: the line end before a boundary is part of the boundary."""
    if at == len(content):
        return at
    at -= content[at - 1 : at] == b"\n"
    return at - (content[at - 1 : at] == b"\r")


def _cut_levels(scan: _Scan, count: int) -> None:
    for boundary, _ in scan.levels[count:]:
        if scan.by_boundary.get(boundary, -1) >= count:
            del scan.by_boundary[boundary]
    del scan.levels[count:]


def _read_fields(content: bytes, at: int) -> _Fields:
    window = content[at : at + PART_HEADER_LIMIT]
    block = read_header_block(window, PART_HEADER_LIMIT)
    fields = _Fields(body_at=at + len(block) + _blank_line(window[len(block) :]))
    seen: set[bytes] = set()
    for each in iter_fields(block):
        name = each.name.lower()
        if name in _READERS and name not in seen:
            seen.add(name)
            _READERS[name](fields, each)
    return fields


def _blank_line(rest: bytes) -> int:
    return 2 if rest.startswith(b"\r\n") else int(rest.startswith(b"\n"))


def _read_type(fields: _Fields, each: Field) -> None:
    kind, fields.parameters = parse_parameters(each.value.decode("utf-8", "replace"))
    fields.content_type = kind if kind.count("/") == 1 else "text/plain"
    fields.filename = fields.filename or fields.parameters.get("name", "")


def _read_disposition(fields: _Fields, each: Field) -> None:
    fields.disposition, parameters = parse_parameters(each.value.decode("utf-8", "replace"))
    fields.filename = parameters.get("filename", "") or fields.filename


def _read_encoding(fields: _Fields, each: Field) -> None:
    fields.encoding = parse_parameters(each.value.decode("utf-8", "replace"))[0]


_READERS: Final = {
    b"content-type": _read_type,
    b"content-disposition": _read_disposition,
    b"content-transfer-encoding": _read_encoding,
}
