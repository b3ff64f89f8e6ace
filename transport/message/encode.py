"""Writing header fields and body parts (RFC 5322, 2045, 2047, 2231): 7-bit, CRLF, and no value can start a field.

Python's own email package is not used for this: its encoded-word handling let newlines through (CVE-2024-6923).
"""

from __future__ import annotations

import binascii
import re
import secrets
from base64 import encodebytes
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from transport.message.mailbox import Mailbox
from transport.message.words import encode_words

LINE: Final = 76
MAX_LINE: Final = 998  # RFC 5322 2.1.1
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}\Z")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_PLAIN_PARAMETER = re.compile(r"[A-Za-z0-9!#$&+^_`{}~.-]+\Z")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>\Z")
_MEDIA_TYPE = re.compile(
    r"(?:text|image|audio|video|application|font|model)/[A-Za-z0-9!#$&^_.+-]{1,100}\Z", re.IGNORECASE
)
_LONG_LINE = re.compile(rb"[^\n]{%d}" % (MAX_LINE - 1))


class InvalidHeader(ValueError):
    """A header value holds what must not get into a header."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def text_field(name: str, value: str) -> bytes:
    """Return an unstructured field; what is not plain ASCII goes into encoded words."""
    _check(name, value)
    value = value.strip(" ")
    words = value.split(" ")
    # "=?" in plain text would be decoded by the reader, and a word that cannot be folded makes too long a line.
    if not value.isascii() or "=?" in value or any(len(word) > MAX_LINE - 100 for word in words):
        words = encode_words(value)
    return _folded(name, words)


def mailbox_field(name: str, mailboxes: Iterable[Mailbox]) -> bytes:
    """Return an address field; a local part beyond ASCII stays UTF-8 (RFC 6532) and then needs SMTPUTF8."""
    written = [_mailbox_words(name, mailbox) for mailbox in mailboxes]
    words = []
    for at, parts in enumerate(written, 1):
        parts[-1] += "," if at < len(written) else ""
        words += parts
    return _folded(name, words)


def message_id_field(name: str, message_ids: Iterable[str]) -> bytes:
    """Return Message-ID, In-Reply-To or References."""
    words = list(message_ids)
    for word in words:
        if not _MESSAGE_ID.match(word):
            raise InvalidHeader(name, "A message ID has the form <something@somewhere>, without blanks.")
    return _folded(name, words)


def structured_field(name: str, value: str, parameters: Mapping[str, str] | None = None) -> bytes:
    """Return a field of an ASCII token and parameters, such as Content-Type; other text is refused or encoded."""
    _check(name, value)
    if not value.isascii():
        raise InvalidHeader(name, "Only ASCII characters may stand here.")
    words = value.split(" ")
    for parameter, content in (parameters or {}).items():
        _check(name, content)
        words[-1] += ";"
        words += _parameter(parameter, content)
    return _folded(name, words)


def text_part(text: str, subtype: str = "plain") -> bytes:
    """Return a text part with its MIME fields, blank line and encoded body."""
    body = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").encode("utf-8", "replace")
    if body and not body.endswith(b"\n"):
        body += b"\n"
    encoding, encoded = _transfer_encoded(body)
    return (
        structured_field("Content-Type", f"text/{subtype}", {"charset": "utf-8"})
        + structured_field("Content-Transfer-Encoding", encoding)
        + b"\r\n"
        + encoded
    )


def attachment_part(filename: str, content_type: str, content: bytes) -> bytes:
    """Return a base64 part; a type that may not be base64 (message/*, multipart/*) or is none becomes octet-stream."""
    kind = content_type.lower() if _MEDIA_TYPE.match(content_type) else "application/octet-stream"
    return (
        structured_field("Content-Type", kind)
        + structured_field("Content-Disposition", "attachment", {"filename": filename})
        + structured_field("Content-Transfer-Encoding", "base64")
        + b"\r\n"
        + _base64_lines(content)
    )


def multipart(subtype: str, parts: Iterable[bytes], parameters: Mapping[str, str] | None = None) -> bytes:
    """Join parts under a boundary that occurs in none of them; the result is a part itself."""
    parts = list(parts)
    boundary = new_boundary(parts)
    mark = f"--{boundary}".encode()
    field = structured_field("Content-Type", f"multipart/{subtype}", {**(parameters or {}), "boundary": boundary})
    pieces = [field, b"\r\n"]
    for part in parts:
        # RFC 2046 5.1.1: the line end before a boundary belongs to the boundary, so each part keeps its own.
        pieces += [mark, b"\r\n", part, b"\r\n"]
    return b"".join([*pieces, mark, b"--\r\n"])


def new_boundary(parts: Iterable[bytes]) -> str:
    """Return a boundary that nobody could have put into the parts, and check that nobody has.

    "=_" can stand in no quoted-printable or base64 text (RFC 2045 6.7).
    """
    parts = list(parts)
    while True:
        boundary = f"=_{secrets.token_hex(16)}"
        if not any(boundary.encode() in part for part in parts):
            return boundary


def _check(name: str, value: str) -> None:
    if not _FIELD_NAME.match(name):
        raise InvalidHeader(
            name.encode("ascii", "backslashreplace").decode()[:76], "This is no name of a header field."
        )
    if _CONTROLS.search(value):
        raise InvalidHeader(name, "Line breaks and control characters may not stand here.")


def _folded(name: str, words: list[str]) -> bytes:
    """Fold between words, but never so that a line is blank: some readers end the header there."""
    lines, line = [], f"{name}:"
    for word in words:
        if word and len(line) + len(word) >= LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line.rstrip(" "))
    return "\r\n".join(lines).encode() + b"\r\n"


def _mailbox_words(field: str, mailbox: Mailbox) -> list[str]:
    _check(field, mailbox.name)
    address = mailbox.address
    written = f"{address}" if address.is_ascii or not address.local.isascii() else _with_a_label(mailbox)
    _check(field, written)
    name = mailbox.name.strip()
    if not name:
        return [written]
    return [*_phrase(name), f"<{written}>"]


def _with_a_label(mailbox: Mailbox) -> str:
    local = str(mailbox.address).removesuffix(f"@{mailbox.address.domain}")
    return f"{local}@{mailbox.address.domain_a}"


def _phrase(name: str) -> list[str]:
    if not name.isascii() or "=?" in name or len(name) > 200:
        return encode_words(name)
    if _ATOMS.match(name):
        return name.split(" ")
    return ['"' + re.sub(r'(["\\])', r"\\\1", name) + '"']


def _parameter(name: str, value: str) -> list[str]:
    """RFC 2231 4: percent-encoded UTF-8 in numbered pieces where plain or quoted ASCII will not do."""
    if value.isascii() and len(value) <= LINE - 20:
        quoted = value if _PLAIN_PARAMETER.match(value) else '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
        return [f"{name}={quoted}"]
    encoded = f"utf-8''{quote(value, safe='!#$&+^_`{}~.-')}"
    pieces = [""]
    for character in re.findall(r"%..|.", encoded):
        if len(pieces[-1]) > LINE - 30:
            pieces.append("")
        pieces[-1] += character
    if len(pieces) == 1:
        return [f"{name}*={encoded}"]
    return [f"{name}*{at}*={piece}{';' if at < len(pieces) - 1 else ''}" for at, piece in enumerate(pieces)]


def _transfer_encoded(body: bytes) -> tuple[str, bytes]:
    """Choose the encoding for a text with LF line ends: as it is if that is safe, else the shorter one."""
    if body.isascii() and not _LONG_LINE.search(body):
        return "7bit", body.replace(b"\n", b"\r\n")
    high = len(body) - len(body.decode("ascii", "ignore"))
    if high * 6 > len(body):
        return "base64", _base64_lines(body.replace(b"\n", b"\r\n"))
    return "quoted-printable", binascii.b2a_qp(body, istext=True).replace(b"\n", b"\r\n")


def _base64_lines(content: bytes) -> bytes:
    return encodebytes(content).replace(b"\n", b"\r\n")
