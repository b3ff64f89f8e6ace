from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from transport.message.header import digest, iter_fields
from transport.message.received import received_field

WHEN = datetime(2025, 11, 25, 4, 4, 0, 123456, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "by": "mx.contoso.example",
    "protocol": "ESMTPS",
    "queue_id": "4711",
    "when": WHEN,
    "helo": "mail.fabrikam.example",
    "client_address": "192.0.2.1",
    "client_name": "ptr.fabrikam.example",
}


def test_it_says_from_whom_by_whom_how_for_whom_and_when() -> None:
    assert received_field(**PLAIN, recipient="ann@contoso.example", tls="TLSv1.3 TLS_AES_256_GCM_SHA384") == (
        b"Received: from mail.fabrikam.example (ptr.fabrikam.example [192.0.2.1])\r\n"
        b"\tby mx.contoso.example (Postroom) with ESMTPS id 4711\r\n"
        b"\t(using TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        b"\tfor <ann@contoso.example>; Tue, 25 Nov 2025 04:04:00 +0000\r\n"
    )


def test_on_submission_the_client_can_stay_hidden() -> None:
    field = received_field(**PLAIN, hide_client=True)
    assert field.startswith(b"Received: by mx.contoso.example")
    assert b"192.0.2.1" not in field
    assert b"fabrikam" not in field


HOSTILE = [
    "x\r\nX-Evil: 1",
    "x\rX-Evil: 1",
    "x\n\tby evil",
    "x\0y",
    "x) by evil (",
    "x; evil",
    "x" * 5000,
    "é\u2028",
    "\x7f",
]


# Reliability statement 2.4: what the client calls itself cannot become a field, a clause or a line of its own.
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("place", ["helo", "client_address", "client_name", "queue_id", "protocol", "recipient", "tls"])
def test_hostile_names_stay_in_their_place(place: str, hostile: str) -> None:
    field = received_field(**{**PLAIN, place: hostile})
    fields = list(iter_fields(field))
    assert [each.name for each in fields] == [b"Received"]
    assert field.isascii()
    assert field.replace(b"\r\n\t", b"").removesuffix(b"\r\n").decode().isprintable()
    assert all(len(line) < 998 for line in field.split(b"\r\n"))
    assert field.count(b"\r\n") == field.count(b"\n") == field.count(b"\r") <= 4
    assert digest(field).received_by == ("mx.contoso.example",)


def test_an_address_beyond_ascii_is_left_out() -> None:
    assert b" for " not in received_field(**PLAIN, recipient="анна@x.example")


def test_it_counts_its_own_hops() -> None:
    found = digest(received_field(**PLAIN) * 3 + received_field(**{**PLAIN, "by": "other.example"}) + b"\r\n")
    assert found.received_count == 4
    assert found.local_hops("MX.contoso.example") == 3
