"""The `Received:` field that each hop puts on top (RFC 5321 4.4, RFC 3848, RFC 8314 4.3), one per message accepted."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

# Names come from clients and from their DNS: what is left can close no comment, end no field and start no clause.
_NOT_HOST = re.compile(r"[^A-Za-z0-9._:\[\]-]")
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9._:/=+@-]")
_NOT_PATH = re.compile(r"[^!-~]|[<>;()\\]")
_MAX_NAME = 255


def received_field(
    *,
    by: str,
    protocol: str,
    queue_id: str,
    when: datetime,
    helo: str = "",
    client_address: str | None = None,
    client_name: str | None = None,
    recipient: str | None = None,
    tls: str | None = None,
    hide_client: bool = False,
) -> bytes:
    """Return one folded field, CRLF included; `hide_client` leaves out who submitted it from where."""
    lines = [f"by {_host(by)} (Postroom) with {_token(protocol)} id {_token(queue_id)}"]
    if not hide_client:
        lines.insert(0, f"from {_host(helo) or 'unknown'} ({_client(client_address, client_name)})")
    if tls:
        lines.append(f"(using {' '.join(_token(part) for part in tls.split()[:6])})")
    if recipient and len(recipient) <= _MAX_NAME and not _NOT_PATH.search(recipient):
        lines.append(f"for <{recipient}>")
    return ("Received: " + "\r\n\t".join(lines) + f"; {rfc5322_date(when)}\r\n").encode("ascii")


def rfc5322_date(when: datetime) -> str:
    """Return the time as Date and Received write it."""
    return _date(when.replace(microsecond=0))


@lru_cache(maxsize=8)
def _date(when: datetime) -> str:
    return format_datetime(when)


def _client(address: str | None, name: str | None) -> str:
    literal = f"[{_host(address)}]" if address else "[unknown]"
    return f"{_host(name) or 'unknown'} {literal}"


def _host(text: str | None) -> str:
    return _NOT_HOST.sub("?", text[:_MAX_NAME]) if text else ""


def _token(text: str) -> str:
    return _NOT_TOKEN.sub("?", text[:_MAX_NAME])
