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


def test_a_message_that_is_all_body_or_all_header_survives() -> None:
    assert without_forged_fields(BODY, HOST, 65_536) == BODY
    assert without_forged_fields(b"", HOST, 65_536) == b""
    assert without_forged_fields(b"X-Postroom-A: b\r\n", HOST, 65_536) == b""
