"""Encoded words in header fields (RFC 2047): reading a stranger's in linear time, writing our own."""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Iterator

from transport.message.charset import decode

# RFC 2047 2: a line with an encoded word is at most 76 characters; 39 octets are 64, which leaves room for "Reply-To:".
_WORD_OCTETS = 39
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_WORD = re.compile(r"=\?([A-Za-z0-9_.:+-]{1,40})(?:\*[A-Za-z0-9-]{1,20})?\?([bBqQ])\?([^?\s]*+)\?=")
# C0, C1, line and paragraph separators, directional overrides and isolates, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_BREAKS = frozenset("\t\r\n\x0b\x0c\x85\u2028\u2029")


def display(text: str) -> str:
    """Make a stranger's text safe for one line of a page, a log or a database column."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: " " if match[0] in _BREAKS else "", text).strip()


def decode_words(text: str) -> str:
    """Decode the encoded words in an unfolded header value; the result may hold anything, so `display` it."""
    return "".join(_pieces(text)) if "=?" in text else text


def _pieces(text: str) -> Iterator[str]:
    """Yield plain text and decoded words; neighbouring words of one charset are joined before decoding."""
    end, charset, pending = 0, "", b""
    for match in _WORD.finditer(text):
        gap = text[end : match.start()]
        # RFC 2047 6.2: white space between two encoded words is not shown.
        if gap.strip(" \t\r\n") or not charset or match[1].lower() != charset:
            yield decode(pending, charset)
            pending = b""
            if gap.strip(" \t\r\n") or not charset:
                yield gap
        charset = match[1].lower()
        pending += _octets(match[2], match[3])
        end = match.end()
    yield decode(pending, charset)
    yield text[end:]


def _octets(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    return decode_base64(raw)


def decode_base64(raw: bytes) -> bytes:
    """Decode base64 that may hold foreign characters and lack its padding."""
    letters = raw.translate(None, _NOT_BASE64)
    whole = len(letters) - (len(letters) % 4 == 1)
    return binascii.a2b_base64(letters[:whole] + b"=" * (-whole % 4))


def encode_words(text: str) -> list[str]:
    """Return the text as encoded words in UTF-8, each whole in itself and short enough."""
    return [f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in _utf8_chunks(text, _WORD_OCTETS)]


def _utf8_chunks(text: str, size: int) -> Iterator[bytes]:
    """Cut between characters, never inside one (RFC 2047 5)."""
    raw = text.encode("utf-8", "replace")
    start = 0
    while start < len(raw):
        end = min(start + size, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        yield raw[start:end]
        start = end
