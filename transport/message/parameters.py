"""Content-Type and Content-Disposition with their parameters (RFC 2045 5.1, RFC 2231), read leniently and linearly."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final
from urllib.parse import unquote_to_bytes

from transport.message.charset import decode
from transport.message.words import decode_words

MAX_PARAMETERS: Final = 100
_PARAMETER = re.compile(
    r""";\s*+([A-Za-z0-9!#$%&'+^_`{|}~.*-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))""", re.DOTALL
)
_PIECE = re.compile(r"([^*]+)(?:\*([0-9]{1,3}))?(\*)?\Z")


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Return the lower-case token before the first semicolon, and the decoded parameters; the first of a name wins."""
    token = value.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = defaultdict(dict)
    for count, match in enumerate(_PARAMETER.finditer(value)):
        if count >= MAX_PARAMETERS:
            break
        text = re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL) if match[2] is not None else match[3].strip()
        name = _PIECE.match(match[1].lower())
        if name and (name[2] or name[3]):
            pieces[name[1]].setdefault(int(name[2] or 0), (text, bool(name[3])))
        elif name:
            # RFC 2047 5 forbids encoded words here, and many write file names that way all the same.
            plain.setdefault(name[1], decode_words(text))
    return token, {**plain, **{name: _joined(found) for name, found in pieces.items()}}


def _joined(pieces: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 3, 4: numbered pieces in order up to a gap; the first one names the charset of the encoded ones."""
    first, is_encoded = pieces.get(0, ("", False))
    charset = "utf-8"
    if is_encoded and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
    raw = [_octets(first, is_encoded)]
    for at in range(1, len(pieces)):
        if at not in pieces:
            break
        raw.append(_octets(*pieces[at]))
    return decode(b"".join(raw), charset or "utf-8")


def _octets(text: str, is_encoded: bool) -> bytes:
    return unquote_to_bytes(text) if is_encoded else text.encode("utf-8", "replace")
