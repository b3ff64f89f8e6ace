"""The machine-readable part of a notification: message/delivery-status (RFC 3464 2, RFC 6533 3 for addresses)."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import Final

from transport.dsn.facts import Action, FailedRecipient, Report
from transport.dsn.text import Kind
from transport.message.address import InvalidAddress, domain_to_a, split_address
from transport.message.encode import structured_field
from transport.message.received import rfc5322_date
from transport.message.reply import Reply
from transport.message.words import display

MAX_DIAGNOSTIC: Final = 1_000
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_TYPED = re.compile(r"[A-Za-z0-9-]{1,40};[ -~]{1,500}\Z")
_LONG_WORD = re.compile(r"\S{900}(?=\S)")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\Z")


def status_part(report: Report, kind: Kind) -> bytes:
    """Return the whole part: the fields of the message, then one group for each recipient."""
    groups = [_message_fields(report), *(_recipient_fields(report, each, kind) for each in report.recipients)]
    return b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n".join(groups)


def decode_xtext(text: str) -> str:
    """Undo RFC 3461 4's xtext."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)


def encode_xtext(text: str) -> str:
    """Write ASCII text as RFC 3461 4's xtext."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def utf8_address(address: str) -> str:
    """Write an address as RFC 6533 3's utf-8-addr-xtext, the form for where only 7 bits pass."""
    return "".join(c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):X}}}" for c in address)


def _message_fields(report: Report) -> bytes:
    envelope_id = display(decode_xtext(report.envelope_id)) if report.envelope_id else ""
    return (
        (_field("Original-Envelope-Id", envelope_id) if envelope_id.isascii() and envelope_id else b"")
        + _field("Reporting-MTA", f"dns; {report.reporting_mta}")
        + _date("Arrival-Date", report.arrival_date)
    )


def _recipient_fields(report: Report, recipient: FailedRecipient, kind: Kind) -> bytes:
    status = recipient.enhanced_status
    is_peers = bool(recipient.remote_mta)
    return (
        _original(recipient.orcpt)
        + _field("Final-Recipient", _typed_address(recipient.address))
        + _field("Action", recipient.action)
        + _field("Status", status if _STATUS.match(status) else f"{status[:1]}.0.0")
        + (_field("Remote-MTA", f"dns; {recipient.remote_mta}") if is_peers else b"")
        + _diagnostic(recipient.reply)
        + _date("Last-Attempt-Date", recipient.last_attempt_at)
        + (_date("Will-Retry-Until", report.will_retry_until) if recipient.action == Action.DELAYED else b"")
    )


def _original(orcpt: str | None) -> bytes:
    """RFC 3464 2.3.1: only if the sender gave one, and then unchanged."""
    text = decode_xtext(orcpt) if orcpt else ""
    kind, _, address = text.partition(";")
    return _field("Original-Recipient", f"{kind}; {address}") if _TYPED.match(text) else b""


def _typed_address(address: str) -> str:
    if address.isascii():
        return f"rfc822; {address}"
    local, domain = split_address(address)
    with suppress(InvalidAddress):
        domain = domain_to_a(domain)
    if local.isascii() and domain.isascii():
        return f"rfc822; {local}@{domain}"
    return f"utf-8; {utf8_address(address)}"


def _diagnostic(reply: Reply) -> bytes:
    """The peer's own words on one line; a code of 0 means that it never spoke SMTP."""
    text = str(reply) if reply.code else reply.text
    return (
        _field("Diagnostic-Code", f"{'smtp' if reply.code else 'x-postroom'}; {text[:MAX_DIAGNOSTIC]}") if text else b""
    )


def _date(name: str, when: datetime | None) -> bytes:
    return _field(name, rfc5322_date(when)) if when else b""


def _field(name: str, value: str) -> bytes:
    """Write a stranger's text so that it stays in its field: 7-bit, no controls, foldable."""
    text = display(value).encode("ascii", "backslashreplace").decode()
    return structured_field(name, _LONG_WORD.sub(r"\g<0> ", text))
