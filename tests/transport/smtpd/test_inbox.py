from __future__ import annotations

import asyncio

import pytest

from transport.smtpd.content import TooMuchData
from transport.smtpd.inbox import ConnectionEnded, Inbox, LineTooLong


async def content_of(*pieces: bytes, limit: int = 1_000_000) -> tuple[bytes, bytes]:
    """Return the content that arrives in these pieces, and what is left after its end."""
    inbox = Inbox()
    reading = asyncio.ensure_future(inbox.take_data(limit))
    for piece in pieces:
        await asyncio.sleep(0)
        inbox.feed(piece)
    inbox.feed_eof()
    content = await reading
    whole = content.finish()
    return whole if isinstance(whole, bytes) else whole.read(), bytes(inbox.buffer)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
async def test_content_is_the_same_however_it_is_cut(size: int) -> None:
    wire = b"a: b\r\n\r\n..dot\r\n.\r\n.x\r\nNOOP\r\n"
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    assert await content_of(*pieces) == (b"a: b\r\n\r\n.dot\r\n", b".x\r\nNOOP\r\n")


@pytest.mark.parametrize(
    ("wire", "content"),
    [(b".\r\n", b""), (b"..\r\n.\r\n", b".\r\n"), (b"\r\n.\r\n", b"\r\n"), (b"x\r\n.\r\n", b"x\r\n")],
)
async def test_the_first_line_may_begin_with_a_dot(wire: bytes, content: bytes) -> None:
    assert await content_of(wire) == (content, b"")


async def test_long_content_goes_by_a_file_and_comes_back_whole() -> None:
    wire = (b"." + b"x" * 70 + b"\r\n") * 10_000
    stuffed = b"." + wire.replace(b"\r\n.", b"\r\n..")
    pieces = [stuffed[at : at + 100_000] for at in range(0, len(stuffed), 100_000)]
    assert await content_of(*pieces, b".\r\n") == (wire, b"")


async def test_content_beyond_the_limit_is_read_to_its_end_and_kept_nowhere() -> None:
    with pytest.raises(TooMuchData) as caught:
        await content_of(b"x" * 300_000, b"\r\n.\r\n", limit=1000)
    assert caught.value.in_step


async def test_content_without_an_end_is_given_up() -> None:
    with pytest.raises(TooMuchData) as caught:
        await content_of(*[b"x" * 1_000_000] * 12, limit=1000)
    assert not caught.value.in_step


async def test_a_client_that_goes_in_the_middle_ends_it() -> None:
    with pytest.raises(ConnectionEnded):
        await content_of(b"a: b\r\n\r\nhalf a li")


def test_a_line_that_is_too_long_is_skipped_and_told_once() -> None:
    inbox = Inbox()
    inbox.feed(b"x" * 3000)
    assert inbox.take_line(2048) is None
    inbox.feed(b"x" * 3000 + b"\r\nNOOP\r\n")
    with pytest.raises(LineTooLong):
        inbox.take_line(2048)
    assert inbox.take_line(2048) == b"NOOP\r\n"
