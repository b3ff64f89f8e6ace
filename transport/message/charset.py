"""Bytes to text by a charset's name that a stranger wrote: only known text codecs, never an exception.

Python's own look-up would import modules by that name, and some of its codecs (idna, punycode) take quadratic time.
"""

from __future__ import annotations

import re
from encodings.aliases import aliases
from typing import Final

_REFUSED: Final = frozenset(
    ["base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs", "oem"]
)
_ALIASES: Final[dict[str, str]] = {
    **{codec: codec for codec in aliases.values() if codec not in _REFUSED},
    **{alias: codec for alias, codec in aliases.items() if codec not in _REFUSED},
    # What mail calls otherwise; WHATWG's encoding standard reads the first two as their Windows supersets as well.
    "ascii": "utf_8",
    "us_ascii": "utf_8",
    "iso_8859_1": "cp1252",
    "latin_1": "cp1252",
    "ks_c_5601_1987": "cp949",
    "x_sjis": "cp932",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "unicode_1_1_utf_7": "utf_7",
    "unknown_8bit": "utf_8",
    "x_unknown": "utf_8",
    "windows_874": "cp874",
    "iso_8859_8_i": "iso8859_8",
    "koi8_u": "koi8_u",
}
_SEPARATORS = re.compile(r"[-_. ]+")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def decode(content: bytes, charset: str = "utf-8") -> str:
    """Return the text; an unknown charset and bytes that are wrong in theirs become U+FFFD, surrogates too."""
    codec = _ALIASES.get(_SEPARATORS.sub("_", charset[:40].strip().lower()), "utf_8")
    if codec == "utf_8":
        return _decode_utf8(content)
    try:
        text = content.decode(codec, "replace")
    except (UnicodeError, LookupError, ValueError):
        return _decode_utf8(content)
    return _SURROGATES.sub("\ufffd", text)


def _decode_utf8(content: bytes) -> str:
    return content.decode("utf-8", "replace")
