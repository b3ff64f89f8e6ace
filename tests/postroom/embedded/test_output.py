from __future__ import annotations

import asyncio
import io
import os

import pytest

from postroom.embedded.output import LONGEST_LINE, Console, Lines, OutputPipe


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\ntw", b"o"], ["one", "two"]),
        ([b"dos\r\n"], ["dos"]),
        ([b"\n\n"], ["", ""]),
        ([b"caf\xe9\n"], ["caf�"]),
        ([b"x" * (LONGEST_LINE + 1) + b"\n"], ["x" * LONGEST_LINE, "x"]),
    ],
)
def test_output_is_cut_into_lines(pieces: list[bytes], lines: list[str]) -> None:
    cutter = Lines()
    found = [line for piece in pieces for line in cutter.feed(piece)]
    assert found + cutter.finish() == lines


def test_an_endless_line_is_not_kept_in_memory() -> None:
    cutter = Lines()
    for _ in range(100):
        cutter.feed(b"x" * 1000)
    assert len(cutter.finish()[0]) <= LONGEST_LINE


def test_each_line_stands_behind_its_name() -> None:
    stream = io.StringIO()
    Console(stream).say("smtpd", "one", "two")
    assert stream.getvalue() == "smtpd    │ one\nsmtpd    │ two\n"


def test_a_terminal_gets_a_colour_per_name() -> None:
    stream = io.StringIO()
    console = Console(stream, colour=True)
    for name in ("smtpd", "worker", "smtpd"):
        console.say(name, "x")
    first, second, third = stream.getvalue().splitlines()
    assert first == third
    assert first.split("m", 1)[0] != second.split("m", 1)[0]


def test_nothing_that_a_stranger_sent_steers_the_terminal() -> None:
    stream = io.StringIO()
    Console(stream).say("smtpd", "EHLO \x1b[2J\x9b1m\ta")
    assert stream.getvalue() == "smtpd    │ EHLO \\x1b[2J\\x9b1m\ta\n"


def test_a_console_whose_reader_has_gone_goes_on_in_silence() -> None:
    stream = io.StringIO()
    console = Console(stream)
    stream.close()
    console.say("smtpd", "nobody hears this")
    console.say("smtpd", "nor this")


async def test_a_pipe_hands_on_lines_until_its_end() -> None:
    reading, writing = os.pipe()
    lines: list[str] = []
    pipe = OutputPipe(reading, lines.extend)
    os.write(writing, b"one\ntw")
    os.write(writing, b"o")
    os.close(writing)
    await asyncio.wait_for(pipe.ended.wait(), 5)
    assert lines == ["one", "two"]
