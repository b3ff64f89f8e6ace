"""Line endings and dots of message content in transit (RFC 5321 2.3.8, 4.1.1.4, 4.5.2), as block operations."""

from __future__ import annotations

import re

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_DOT_LINE = b"\r\n."


def find_bare_newline(content: bytes) -> int:
    """Return the offset of the first CR without LF or LF without CR, or -1."""
    pairs = content.count(b"\r\n")
    # Counting costs a tenth of a search by pattern, and honest content never needs the search.
    if content.count(b"\n") == pairs == content.count(b"\r"):
        return -1
    match = _BARE.search(content)
    return match.start() if match else -1


def normalise_newlines(content: bytes) -> bytes:
    """Turn each bare CR and bare LF into CRLF; content that has none comes back as it is."""
    if find_bare_newline(content) < 0:
        return content
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def dot_stuff(content: bytes) -> bytes:
    """Double each dot that begins a line; the content must have only CRLF line ends."""
    stuffed = content.replace(_DOT_LINE, b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def dot_unstuff(content: bytes) -> bytes:
    """Take one dot off each line that begins with one; the end-of-data line must be gone already."""
    plain = content.replace(_DOT_LINE, b"\r\n")
    return plain[1:] if plain.startswith(b".") else plain


def whole_lines(content: bytes) -> bytes:
    """Return content with clean line ends only, its last line ended like the others."""
    clean = normalise_newlines(content)
    return clean if clean.endswith(b"\r\n") or not clean else clean + b"\r\n"


def data_block(content: bytes) -> bytes:
    """Return what follows the 354 reply: clean line ends, stuffed dots, the end-of-data line."""
    stuffed = dot_stuff(normalise_newlines(content))
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n.\r\n")
