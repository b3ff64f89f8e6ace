from __future__ import annotations

from datetime import UTC, datetime

import pytest

from transport.message.header import HEADER_LIMIT, digest, display, iter_fields, parse_date, read_header_block

MESSAGE = (
    b"Received: from a (b [192.0.2.1]) by mx.example with SMTP; x\r\n"
    b"From: =?utf-8?q?Ann_=C3=84?= <ann@contoso.example>\r\n"
    b"Subject: =?utf-8?b?R3LDvMOf?=\r\n =?utf-8?b?ZQ==?= to\r\n\tyou\r\n"
    b"Message-ID: <1@contoso.example>\r\n"
    b"Date: Tue, 25 Nov 2025 04:04:00 +0100\r\n"
    b"Reply-To: desk@contoso.example\r\nSender: bob@contoso.example\r\nAuto-Submitted: auto-replied (vacation)\r\n"
    b"\r\nSubject: body\r\n"
)


def test_the_digest_holds_what_the_header_says() -> None:
    found = digest(MESSAGE)
    assert found.subject == "Grüße to\tyou".replace("\t", " ")
    assert found.message_id == "<1@contoso.example>"
    assert found.from_header == "Ann Ä <ann@contoso.example>"
    assert found.from_addresses == ("ann@contoso.example",)
    assert (found.from_count, found.is_from_malformed, found.is_truncated) == (1, False, False)
    assert (found.sender, found.reply_to) == ("bob@contoso.example", "desk@contoso.example")
    assert (found.auto_submitted, found.is_automatic) == ("auto-replied", True)
    assert (found.received_count, found.received_by) == (1, ("mx.example",))
    assert found.header_size == MESSAGE.index(b"\r\n\r\n") + 2


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"\r\nFrom: a@b\r\n", b"no colon at all", b"\0\xff\xfe", b":\r\n:\r\n"]
)
def test_a_message_without_header_has_an_empty_digest(content: bytes) -> None:
    assert digest(content).from_count == 0


@pytest.mark.parametrize(
    ("content", "block"),
    [
        (b"A: 1\r\n\r\nB: 2\r\n\r\n", b"A: 1\r\n"),
        (b"A: 1\n\nB: 2\n", b"A: 1\n"),
        (b"A: 1\n\nB\r\n\r\n", b"A: 1\n"),
        (b"A: 1\r\n", b"A: 1\r\n"),
    ],
)
def test_the_header_block_ends_at_the_blank_line(content: bytes, block: bytes) -> None:
    assert read_header_block(content) == block


# Reliability statement 2.12: every spelling that some parser takes for a From field is seen.
@pytest.mark.parametrize(
    ("header", "addresses", "count", "is_malformed"),
    [
        (b"From: a@x.example\r\nFrom: b@x.example\r\n", ("a@x.example", "b@x.example"), 2, False),
        (b"From : a@x.example\r\n", ("a@x.example",), 1, False),
        (b"From\r\n : a@x.example\r\n", ("a@x.example",), 1, False),
        (b" From: a@x.example\r\n", ("a@x.example",), 1, False),
        (b"fRoM:a@x.example\r\n", ("a@x.example",), 1, False),
        (b"From: a@x.example, B <b@x.example>\r\n", ("a@x.example", "b@x.example"), 1, False),
        (b"From: <a@x.example>b@x.example\r\n", ("a@x.example",), 1, True),
        (b"From: <a@x.example><b@x.example>\r\n", ("b@x.example",), 1, True),
        (b"From: <@p,@q:ceo@x.example>\r\n", (), 1, True),
        (b'From: "ceo@b.example" <x@a.example>\r\n', ("x@a.example",), 1, False),
        (b"From: ceo@b.example <x@a.example>\r\n", ("x@a.example",), 1, True),
        (b"From: a\\,b@x.example\r\n", ("b@x.example",), 1, True),
        (b"From: alice@x.example)bob@a.example\r\n", (), 1, True),
        (b"From: (bob@b.example) a@x.example (c (nested))\r\n", ("a@x.example",), 1, False),
        (b"From: =?utf-8?q?ceo=40b.example?=\r\n", (), 1, True),
        (b"From: Team: a@x.example, b@x.example;\r\n", ("a@x.example", "b@x.example"), 1, False),
        (b"From: a@x.example\0\r\n", (), 1, True),
        (b"From: (((\r\n", (), 1, True),
        (b"From: \r\n", (), 1, False),
    ],
)
def test_who_it_claims_to_be_from(header: bytes, addresses: tuple[str, ...], count: int, is_malformed: bool) -> None:
    found = digest(header + b"\r\nbody")
    assert found.from_addresses == addresses
    assert (found.from_count, found.is_from_malformed) == (count, is_malformed)


# CVE-2024-6923 and its like: a newline inside an encoded word must not come out as one.
@pytest.mark.parametrize("subject", [b"=?utf-8?q?a=0ABcc=3A_x=40y?=", b"=?utf-8?q?a=0D=0Ab?=", b"=?utf-8?b?YQ0KYg==?="])
def test_a_newline_in_an_encoded_word_is_no_newline_in_the_digest(subject: bytes) -> None:
    shown = digest(b"Subject: " + subject + b"\r\n\r\n").subject
    assert shown.isprintable()
    assert shown.startswith("a")


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (b"=?UTF-8?Q?=E3=81?= =?utf-8?q?=82?=", "あ"),
        (b"=?iso-2022-jp?b?GyRCJCIbKEI=?=", "あ"),
        (b"=?utf-8*ja?q?=E3=81=82?=", "あ"),
        (b"=?koi8-r?q?=F4?=", "Т"),
        (b"=?idna?q?xn--a?=", "xn--a"),
        (b"=?../../os?q?a?=", "=?../../os?q?a?="),
        (b"=?no-such?q?a=FF?=", "a\ufffd"),
        (b"=?utf-8?b?*?=", ""),
        (b"=?utf-8?b?YQ?=", "a"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        (b"\xe3\x81\x82 raw", "あ raw"),
        (b"\xff raw", "\ufffd raw"),
        (b"=?utf-16le?b?ANg=?=", "\ufffd"),
        (b"a\x00b\x1b[31m", "ab[31m"),
    ],
)
def test_subjects_are_decoded_for_people(subject: bytes, shown: str) -> None:
    assert digest(b"Subject: " + subject + b"\r\n\r\n").subject == shown


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\0", "\x1b", "\ud800", "\ufeff"])
def test_what_cannot_be_shown_or_stored_is_left_out(mark: str) -> None:
    assert display(f"a{mark}b") == "ab"
    assert display("a\r\nb\u2028c") == "a  b c"


BOMBS = {
    "a subject of 1 MB": b"Subject: " + b"x" * 1_000_000 + b"\r\nFrom: a@x.example\r\n\r\n",
    "3,000 encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 3000 + b"\r\n\r\n",
    "unfinished encoded words": b"Subject: " + b"=?utf-8?q?" * 20_000 + b"\r\n\r\n",
    "100,000 fields": b"A: b\r\n" * 100_000 + b"\r\n",
    "5,000 addresses": b"From: " + b"a@x.example,\r\n " * 5000 + b"\r\n\r\n",
    "3,000 comments in each other": b"Reply-To: a\r\nFrom: " + b"(" * 3000 + b"a" + b")" * 3000 + b"\r\n\r\n",
    "groups in each other": b"From: " + b"a:" * 3000 + b";" * 3000 + b"\r\n\r\n",
    "angle brackets": b"From: " + b"<" * 8000 + b"\r\n\r\n",
    "quotes": b"From: " + b'"' * 8000 + b"\r\n\r\n",
    "backslashes in a quote": b'From: "' + b"\\" * 16_000 + b"\r\n\r\n",
    "blanks": b"From: " + b" " * 300_000 + b"a@x.example\r\n\r\n",
    "folds": b"Subject: a\r\n" + b" \r\n" * 100_000 + b"\r\n\r\n",
    "no line end": b"From: " + b"a" * 40_000_000,
    "received without end": b"Received: " + b"by " * 100_000 + b"\r\n\r\n",
    "binary": bytes(range(256)) * 4000,
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_in_bounded_work(name: str) -> None:
    """2.11: each of these takes milliseconds; quadratic work would run into the time limit."""
    for _ in range(20):
        found = digest(BOMBS[name])
    assert len(found.subject) <= 1000
    assert len(found.from_addresses) <= 1000
    assert found.header_size <= HEADER_LIMIT


@pytest.mark.parametrize("name", ["a subject of 1 MB", "100,000 fields", "no line end"])
def test_a_header_that_was_not_read_to_its_end_says_so(name: str) -> None:
    assert digest(BOMBS[name]).is_truncated


def test_a_from_field_too_long_to_read_is_malformed() -> None:
    assert digest(BOMBS["5,000 addresses"]).is_from_malformed


def test_the_fields_keep_their_bytes() -> None:
    fields = list(iter_fields(b"A: 1\r\n 2\r\nnonsense\r\nB : 3\r\n"))
    assert [(field.name, field.raw, field.value) for field in fields] == [
        (b"A", b"A: 1\r\n 2\r\n", b"1 2"),
        (b"B", b"B : 3\r\n", b"3"),
    ]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Tue, 25 Nov 2025 04:04:00 +0100", datetime(2025, 11, 25, 3, 4, tzinfo=UTC)),
        ("25 Nov 2025 04:04", datetime(2025, 11, 25, 4, 4, tzinfo=UTC)),
        ("Tue, 25 Nov 2025 23:59:60 -0000", datetime(2025, 11, 25, 23, 59, 59, tzinfo=UTC)),
        ("Tue, 99 Nov 2025 04:04:00 +0100", None),
        ("Tue, 25 Foo 2025 04:04:00 +0100", None),
        ("1 Jan 0001 00:00:00 +9999", None),
        ("31 Dec 9999 23:59:59 -2300", None),
        ("yesterday", None),
        ("9" * 100_000, None),
    ],
)
def test_dates_are_read_or_given_up(text: str, when: datetime | None) -> None:
    assert parse_date(text) == when
