from __future__ import annotations

import pytest

from transport.message.lines import data_block, dot_stuff, dot_unstuff, find_bare_newline, normalise_newlines


@pytest.mark.parametrize(
    ("content", "at"),
    [
        (b"", -1),
        (b"a\r\nb\r\n", -1),
        (b"a\nb", 1),
        (b"a\rb", 1),
        (b"a\r\n\n", 3),
        (b"a\r\r\n", 1),
        (b"a\n\r", 1),
        (b"a\r", 1),
        (b"\n", 0),
        (b"a\r\nb\rc\nd", 4),
    ],
)
def test_it_finds_the_first_bare_newline(content: bytes, at: int) -> None:
    assert find_bare_newline(content) == at


@pytest.mark.parametrize(
    ("content", "clean"),
    [(b"a\nb\rc\r\n", b"a\r\nb\r\nc\r\n"), (b"\r\r\n", b"\r\n\r\n"), (b"\n\r", b"\r\n\r\n"), (b"a\r\n", b"a\r\n")],
)
def test_it_normalises_each_bare_newline(content: bytes, clean: bytes) -> None:
    assert normalise_newlines(content) == clean


def test_clean_content_is_not_copied() -> None:
    content = b"a\r\n" * 100
    assert normalise_newlines(content) is content
    assert dot_stuff(content) is content


@pytest.mark.parametrize(
    ("content", "stuffed"),
    [
        (b".\r\n", b"..\r\n"),
        (b"a\r\n.\r\n..b\r\n", b"a\r\n..\r\n...b\r\n"),
        (b"a.\r\n", b"a.\r\n"),
        (b"\r\n.\r\n.", b"\r\n..\r\n.."),
    ],
)
def test_dots_are_stuffed_and_unstuffed(content: bytes, stuffed: bytes) -> None:
    assert dot_stuff(content) == stuffed
    assert dot_unstuff(stuffed) == content


# Reliability statement 2.1: endings by which a message could be smuggled behind ours.
@pytest.mark.parametrize(
    "ending",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\n.\r",
        b"\r.\r",
        b"\r.\n",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
    ],
)
def test_nothing_inside_a_data_block_ends_it(ending: bytes) -> None:
    block = data_block(b"body" + ending + b"MAIL FROM:<evil@x.example>\r\n")
    inner, end = block[:-5], block[-5:]
    assert end == b"\r\n.\r\n"
    assert find_bare_newline(block) == -1
    assert b"\r\n.\r\n" not in inner


@pytest.mark.parametrize(("content", "block"), [(b"", b".\r\n"), (b"a", b"a\r\n.\r\n"), (b"a\r\n", b"a\r\n.\r\n")])
def test_the_data_block_ends_on_a_line_of_its_own(content: bytes, block: bytes) -> None:
    assert data_block(content) == block
