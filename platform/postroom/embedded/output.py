"""What the supervisor and its programs say, line by line, each line behind the name of who says it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TextIO

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95)
NAME_WIDTH = 8
LONGEST_LINE = 8192
CHUNK = 65536
# A log may quote what strangers sent: nothing in it may steer the terminal.
CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160)) if chr(number) != "\t"}


class Console:
    """Writes prefixed lines; a name keeps its colour where the stream is a terminal.

    When the terminal or the reader of our pipe goes away it falls silent: the mail has not gone.
    """

    def __init__(self, stream: TextIO, *, colour: bool | None = None) -> None:
        self._stream = stream
        self._silent = False
        self._colour = stream.isatty() and "NO_COLOR" not in os.environ if colour is None else colour
        self._colours: dict[str, int] = {}

    def say(self, name: str, *lines: str) -> None:
        prefix = self._prefix(name)
        self._write("".join(f"{prefix}{line.translate(CONTROLS)}\n" for line in lines))

    def show(self, text: str) -> None:
        """Write a text of our own as it is."""
        self._write(f"{text}\n")

    def _prefix(self, name: str) -> str:
        padded = f"{name:<{NAME_WIDTH}} │ "
        if not self._colour:
            return padded
        number = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\x1b[{number}m{padded}\x1b[0m"

    def _write(self, text: str) -> None:
        if self._silent:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._silent = True


def standard_console() -> Console:
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # a stream of ours, not a test's
    return Console(sys.stdout)


class Lines:
    """Cuts what comes in pieces into lines, very long ones into several."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        lines = [piece for line in whole for piece in _pieces(line)]
        while len(self._rest) > LONGEST_LINE:
            lines.append(self._rest[:LONGEST_LINE])
            self._rest = self._rest[LONGEST_LINE:]
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def finish(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []


def _pieces(line: bytes) -> list[bytes]:
    return [line[start : start + LONGEST_LINE] for start in range(0, max(len(line), 1), LONGEST_LINE)]


class OutputPipe:
    """Reads one end of a child's pipe on the running loop and hands on its lines."""

    def __init__(self, descriptor: int, sink: Callable[[list[str]], None]) -> None:
        self.ended = asyncio.Event()
        self._descriptor = descriptor
        self._sink = sink
        self._lines = Lines()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if lines := self._lines.feed(data) if data else self._lines.finish():
            self._sink(lines)
        if not data:
            self.close()

    def close(self) -> None:
        """Stop reading; harmless when the end has been reached."""
        if not self.ended.is_set():
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self.ended.set()
