from __future__ import annotations

import pytest

from transport.message.reply import MAX_TEXT, Reply


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"250 2.1.5 Recipient OK\r\n"], Reply(250, "2.1.5", "Recipient OK")),
        ([b"250"], Reply(250, None, "")),
        ([b"250 ok"], Reply(250, None, "ok")),
        ([b"550-5.1.1 No such", b"550 5.1.1 user"], Reply(550, "5.1.1", "No such\nuser")),
        ([b"550-first", b"550 5.7.1 second"], Reply(550, "5.7.1", "first\nsecond")),
        ([b"550 4.7.1 odd class"], Reply(550, "4.7.1", "odd class")),
        ([b"220-a", b"xyzzy", b"220 b"], Reply(220, None, "a\nxyzzy\nb")),
        ([b"HTTP/1.1 400 Bad Request"], Reply(0, None, "HTTP/1.1 400 Bad Request")),
        ([], Reply(0, None, "")),
        ([b"999 no such class"], Reply(0, None, "999 no such class")),
        ([b"2500 four digits"], Reply(0, None, "2500 four digits")),
        ([b"550 5.1.1000 x"], Reply(550, None, "5.1.1000 x")),
    ],
)
def test_it_reads_what_peers_say(lines: list[bytes], expected: Reply) -> None:
    assert Reply.parse(lines) == expected


def test_a_reply_in_binary_becomes_text_without_control_characters() -> None:
    reply = Reply.parse([b"550 5.0.0 \x1b[31mred\x00 \xff\xfe \xe3\x81\x82"])
    assert reply == Reply(550, "5.0.0", "\\x1b[31mred\\x00 \\xff\\xfe あ")


def test_an_endless_reply_is_cut() -> None:
    reply = Reply.parse([b"550 " + b"x" * 10_000_000] * 1000)
    assert reply.code == 550
    assert len(reply.text) <= MAX_TEXT


@pytest.mark.parametrize(
    ("code", "kind"), [(250, "success"), (354, ""), (451, "transient"), (550, "permanent"), (0, "")]
)
def test_the_first_digit_decides(code: int, kind: str) -> None:
    reply = Reply(code, None, "")
    said = [name for name in ("success", "transient", "permanent") if getattr(reply, f"is_{name}")]
    assert said == [kind] * bool(kind)


@pytest.mark.parametrize(
    ("reply", "wire"),
    [
        (Reply(550, "5.1.1", "User unknown"), "550 5.1.1 User unknown"),
        (Reply(354, None, "Go ahead"), "354 Go ahead"),
        (Reply(250, None, ""), "250"),
        (Reply(250, None, "mx.example\nPIPELINING\nSIZE 10"), "250-mx.example\r\n250-PIPELINING\r\n250 SIZE 10"),
        (Reply(550, "5.7.1", "a\nb"), "550-5.7.1 a\r\n550 5.7.1 b"),
    ],
)
def test_it_writes_smtp_lines(reply: Reply, wire: str) -> None:
    assert reply.wire() == wire


@pytest.mark.parametrize("text", ["x\r\n250 ok", "a\rb", "a\nb", "nul\0", "\x85next", "\u2028line", "bell\a"])
def test_injected_text_never_becomes_a_reply_of_its_own(text: str) -> None:
    lines = Reply(550, "5.7.1", text).wire().split("\r\n")
    assert all(line.startswith(("550-5.7.1", "550 5.7.1")) and line.isprintable() for line in lines)


def test_long_text_is_spread_over_lines_of_at_most_512_octets() -> None:
    reply = Reply(550, "5.7.1", "あ word " * 600)
    lines = reply.wire().split("\r\n")
    assert all(len(line.encode()) <= 510 for line in lines)
    assert Reply.parse([line.encode() for line in lines]).text.replace("\n", " ") == reply.text.strip()


def test_shown_to_a_person_it_is_one_line() -> None:
    assert str(Reply(550, "5.1.1", "No such\nuser\x1b[0m")) == "550 5.1.1 No such user\\x1b[0m"
