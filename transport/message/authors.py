"""Whether everybody reads the author of a submitted message the same way (RFC 5322 3.6.2).

Who may send as whom is decided by the From line, so one that parsers take differently is refused.
"""

from __future__ import annotations

from transport.message.header import HeaderDigest


def fault_of_authors(content: bytes, facts: HeaderDigest) -> str:
    """Return the reason code for refusing the message, or ''; one without any From line is left to the caller."""
    if facts.from_count > 1:
        return "message.multiple_from"
    # A From line may stand where we have not read.
    if facts.is_truncated:
        return "message.header_too_large"
    # What is put on top of a header that begins with a blank makes its first line a part of itself.
    if facts.is_from_malformed or content.startswith((b" ", b"\t")):
        return "message.no_from"
    return "message.no_from" if facts.from_count and not facts.from_addresses else ""
