"""Fields that only we may write do not come in from outside; nothing else changes (RFC 5321 4.4, RFC 8601 5)."""

from __future__ import annotations

import pytest

from transport.message.firewall import without_forged_fields
from transport.message.header import digest

HOST = "mail.contoso.example"
BODY = b"\r\nReturn-Path: <in@the.body>\r\nX-Postroom-Spam: no\r\n"


@pytest.mark.parametrize(
    "forged",
    [
        b"Return-Path: <ceo@contoso.example>\r\n",
        b"return-path : <ceo@contoso.example>\r\n",
        b"X-Postroom-Internal: yes\r\n",
        b"x-POSTROOM-anything:\r\n\tfolded\r\n",
        b"Authentication-Results: mail.contoso.example; spf=pass\r\n",
        b"Authentication-Results: (really) MAIL.contoso.example 1;\r\n dkim=pass\r\n",
        b'Authentication-Results: "mail.contoso.example"; none\r\n',
    ],
)
def test_a_forged_field_goes_and_the_rest_stays_byte_for_byte(forged: bytes) -> None:
    before, after = b"Received: from a by b; now\r\nSubject: x\r\n", b"From: a@b.example\r\nX: \xff\r\n"
    assert digest(before + forged + after + BODY).has_guarded_fields
    assert without_forged_fields(before + forged + after + BODY, HOST, 65_536) == before + after + BODY
    assert without_forged_fields(forged + after + BODY, HOST, 65_536) == after + BODY
    assert without_forged_fields(after + forged + BODY, HOST, 65_536) == after + BODY
    assert without_forged_fields(forged * 3 + after + forged + BODY, HOST, 65_536) == after + BODY


@pytest.mark.parametrize(
    "honest",
    [
        b"Authentication-Results: mx.elsewhere.example; spf=pass\r\n",
        b"Authentication-Results: mail.contoso.example.evil.example; spf=pass\r\n",
        b"X-Postroomy: yes\r\n",
        b"Not a field at all\r\n",
        b"Subject: Return-Path: <x@y>\r\n",
        b"Subject: a\r\n Return-Path: <x@y>\r\n",
    ],
)
def test_what_is_not_ours_stays(honest: bytes) -> None:
    content = b"From: a@b.example\r\n" + honest + BODY
    assert without_forged_fields(content, HOST, 65_536) == content


FORGED = b"Authentication-Results: mail.contoso.example; dmarc=pass\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"X:\r\n" * 12_000, b""),
        (b"Subject: x\r\nno field " + FORGED + b"nor this " + FORGED + FORGED, b""),
        (b"From: a@b.example\r\n", b"X: y"),
    ],
    ids=["behind very many fields", "behind lines that hold its words", "in a header without an end"],
)
def test_a_forged_field_cannot_hide(before: bytes, after: bytes) -> None:
    content = before + FORGED + after
    assert digest(content).has_guarded_fields
    left = without_forged_fields(content, HOST, 131_072)
    assert left == before.replace(FORGED + FORGED, FORGED) + after


def test_a_last_field_without_an_end_goes_too() -> None:
    before = b"From: a@b.example\r\n"
    assert without_forged_fields(before + FORGED.rstrip(), HOST, 65_536) == before
    assert without_forged_fields(before + FORGED + b"X: y", HOST, 65_536) == before + b"X: y"
    assert without_forged_fields(FORGED.rstrip(), HOST, 65_536) == b""
    assert without_forged_fields(before + FORGED + b"\tfolded", HOST, 65_536) == before


def test_a_message_that_is_all_body_or_all_header_survives() -> None:
    assert without_forged_fields(BODY, HOST, 65_536) == BODY
    assert without_forged_fields(b"", HOST, 65_536) == b""
    assert without_forged_fields(b"X-Postroom-A: b\r\n", HOST, 65_536) == b""
