"""Recognising incoming delivery status notifications (RFC 3464, RFC 6522), for the timeline of what we sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from transport.message.header import Field, decoded, display, iter_fields
from transport.message.mime import Part, part_octets, split_parts
from transport.message.reply import Reply

MAX_STATUS: Final = 262_144
MAX_RECIPIENTS: Final = 1_000
_GROUP_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_REPORTED: Final = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """One recipient as the other side reports it; nothing here is proven, and texts are safe to show."""

    address: str
    original_address: str
    action: str
    status: str
    remote_mta: str
    reply: Reply | None


@dataclass(frozen=True, slots=True)
class IncomingReport:
    reporting_mta: str
    original_envelope_id: str
    original_message_id: str | None
    recipients: tuple[ReportedRecipient, ...]


def recognise(content: bytes) -> IncomingReport | None:
    """Return what a notification says, or None for any other message; never raises."""
    leaves = split_parts(content).leaves
    status = next((each for each in leaves if each.content_type.endswith("/delivery-status")), None)
    if status is None or "multipart/report" not in status.parents:
        return None
    body = part_octets(content, status)[:MAX_STATUS]
    groups = [_fields(group) for group in islice(_GROUP_END.split(body.strip()), MAX_RECIPIENTS + 1)]
    about = next((group for group in groups if "reporting-mta" in group), {})
    recipients = tuple(_recipient(group) for group in groups if group.get("action", "").lower() in _REPORTED)
    return IncomingReport(
        reporting_mta=_untyped(about.get("reporting-mta", "")),
        original_envelope_id=about.get("original-envelope-id", ""),
        original_message_id=_original_message_id(content, leaves[status.index + 1 :]),
        recipients=recipients,
    )


def _fields(group: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in iter_fields(group):
        found.setdefault(field.name.decode("ascii").lower(), decoded(field.value))
    return found


def _recipient(group: dict[str, str]) -> ReportedRecipient:
    diagnostic = group.get("diagnostic-code", "")
    return ReportedRecipient(
        address=_untyped(group.get("final-recipient", "")),
        original_address=_untyped(group.get("original-recipient", "")),
        action=group["action"].lower(),
        status=group.get("status", "").partition(" ")[0],
        remote_mta=_untyped(group.get("remote-mta", "")),
        reply=Reply.parse([_untyped(diagnostic).encode("utf-8", "replace")]) if diagnostic else None,
    )


def _untyped(value: str) -> str:
    """Take the type off `rfc822; bob@fabrikam.example` (RFC 3464 2.1.2), and the escapes off a utf-8 one (RFC 6533)."""
    kind, semicolon, rest = value.partition(";")
    if kind.strip().lower() == "utf-8":
        return display(_ESCAPED.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), rest.strip()))
    return rest.strip() if semicolon else kind.strip()


def _original_message_id(content: bytes, returned: tuple[Part, ...]) -> str | None:
    """Look for the identifier in the returned message or header, which is the last part."""
    for part in returned:
        block = part_octets(content, part)[:MAX_STATUS]
        field = next((each for each in iter_fields(_header_of(block)) if each.name.lower() == b"message-id"), None)
        if field is not None:
            return _identifier(field)
    return None


def _header_of(block: bytes) -> bytes:
    end = _GROUP_END.search(block)
    return block[: end.start()] + b"\r\n" if end else block


def _identifier(field: Field) -> str:
    return decoded(field.value)
