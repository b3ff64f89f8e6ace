"""The header firewall: fields that only we may write are taken out of what comes in (Exchange's, reference §9).

Return-Path is written at final delivery alone (RFC 5321 4.4); `X-Postroom-*` is ours; and who could send our own
Authentication-Results could make every reader believe that we had checked it (RFC 8601 5).
"""

from __future__ import annotations

from transport.message.header import Field, field_of, logical_lines, read_header_block


def without_forged_fields(content: bytes, hostname: str, limit: int) -> bytes:
    """Return the message without the fields that nobody but us may write; all other bytes stay as they are."""
    block = read_header_block(content, limit)
    kept = [line for line in logical_lines(block) if not _is_forged_line(line, hostname)]
    return b"".join(kept) + content[len(block) :]


def _is_forged_line(line: bytes, hostname: str) -> bool:
    field = field_of(line)
    return field is not None and is_forged(field, hostname)


def is_forged(field: Field, hostname: str) -> bool:
    """Say whether a field of a message that comes in pretends to be one of ours."""
    name = field.name.lower()
    if name == b"return-path" or name.startswith(b"x-postroom-"):
        return True
    return name == b"authentication-results" and _service(field) == hostname.lower()


def _service(field: Field) -> str:
    """Return the authserv-id (RFC 8601 2.2), with which the value begins; comments before it are passed over."""
    text = field.value.decode("ascii", "replace").strip()
    while text.startswith("(") and ")" in text:
        text = text.partition(")")[2].strip()
    return text.partition(";")[0].strip().split(" ")[0].strip('"').lower()
