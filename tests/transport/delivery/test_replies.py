"""Cutting bytes into replies (RFC 5321 4.2), whole, in pieces and hostile."""

from __future__ import annotations

import pytest

from transport.delivery.replies import MAX_REPLY, ReplyReader
from transport.message.reply import MAX_LINE, Reply

SCRIPT = b"220 mx ESMTP\r\n250-mx\r\n250-SIZE\r\n250 DSN\r\n550 5.1.1 No\r\n250\r\n354-\n354 Go\n"
REPLIES = [
    Reply(220, None, "mx ESMTP"),
    Reply(250, None, "mx\nSIZE\nDSN"),
    Reply(550, "5.1.1", "No"),
    Reply(250, None, ""),
    Reply(354, None, "\nGo".strip("\n")),
]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_replies_come_out_the_same_however_they_are_cut(step: int) -> None:
    reader = ReplyReader()
    replies = [reply for start in range(0, len(SCRIPT), step) for reply in reader.feed(SCRIPT[start : start + step])]
    assert replies == REPLIES
    assert reader.error is None


def test_an_overlong_line_is_cut_not_refused() -> None:
    [reply] = ReplyReader().feed(b"550 " + b"x" * 30_000 + b"\r\n")
    assert reply.code == 550
    assert len(reply.text) == MAX_LINE - 4


def test_a_stray_line_inside_a_reply_is_kept() -> None:
    [reply] = ReplyReader().feed(b"250-mx\r\nnonsense\r\n250 end\r\n")
    assert reply.text == "mx\nnonsense\nend"


def test_a_later_code_of_the_same_class_counts() -> None:
    [reply] = ReplyReader().feed(b"250-mx\r\n251 end\r\n")
    assert reply.code == 251


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello\r\n", "is no SMTP reply: hello"),
        (b"\r\n", "is no SMTP reply"),
        (b"650 x\r\n", "is no SMTP reply"),
        (b"2500 x\r\n", "is no SMTP reply"),
        (b"\x16\x03\x01\r\n", r"is no SMTP reply: \x16\x03\x01"),
        (b"250-a\r\n550 b\r\n", "contradicts itself: a / 550 b"),
        (b"250-a\r\n" * 101, "has too many lines"),
    ],
)
def test_what_is_no_reply_is_an_error_that_quotes_the_peer(data: bytes, words: str) -> None:
    reader = ReplyReader()
    assert reader.feed(b"250 fine\r\n" + data) == [Reply(250, None, "fine")]
    assert reader.error is not None
    assert words in reader.error.reply.text
    assert reader.error.reply.is_transient


@pytest.mark.parametrize("begin", [b"", b"250-" + b"x" * 2000 + b"\r\n"])
def test_an_endless_line_is_an_error(begin: bytes) -> None:
    reader = ReplyReader()
    assert reader.feed(begin + b"250-" + b"x" * MAX_REPLY) == []
    assert reader.error is not None
    assert "is too long" in reader.error.reply.text


def test_memory_stays_small_on_an_endless_line() -> None:
    reader = ReplyReader()
    for _ in range(10):
        reader.feed(b"x" * 6000)
    assert len(reader._tail) <= MAX_LINE


def test_nothing_read_before_tls_is_left_after_clear() -> None:
    reader = ReplyReader()
    reader.feed(b"250-in clear\r\n250 te")
    reader.clear()
    assert reader.feed(b"220 fresh\r\n") == [Reply(220, None, "fresh")]
