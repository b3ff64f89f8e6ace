"""The dialogue of one connection as people want to read it: bounded, without content, without secrets."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from transport.delivery.outcome import Phase
from transport.message.reply import Reply

OPENING_LINES = 60
RECENT_LINES = 200
MAX_LINE = 2048
MASK = "****"


class Direction(StrEnum):
    SENT = ">"
    RECEIVED = "<"
    NOTE = "="


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """`at` is seconds since the connection was begun."""

    direction: Direction
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Stage:
    """What was said in one phase of the opening; `at` is seconds since the connection was begun."""

    phase: Phase
    at: float
    lines: tuple[TranscriptLine, ...]


_Entry = bytes | str | int | list[Reply]


class Transcript:
    """Keeps the opening and the most recent exchanges; rendering waits until somebody reads it."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._opening: list[tuple[Direction, _Entry, float]] = []
        self._recent: deque[tuple[Direction, _Entry, float]] = deque(maxlen=RECENT_LINES)
        self._marks: list[tuple[Phase, int, float]] = []
        self.cut = 0

    def enter(self, phase: Phase) -> None:
        """Note that a phase begins; only the opening is told apart by phases."""
        is_same = bool(self._marks) and self._marks[-1][0] is phase
        if not is_same and len(self._opening) < OPENING_LINES:
            self._marks.append((phase, len(self._opening), time.monotonic()))

    def sent(self, data: bytes) -> None:
        """Note commands that went out; callers pass masked bytes for secrets and nothing for content."""
        self._add(Direction.SENT, data)

    def received(self, replies: list[Reply]) -> None:
        """Note replies that came in together."""
        self._add(Direction.RECEIVED, replies)

    def content(self, size: int) -> None:
        """Note that so many bytes of content went out; the bytes themselves are the user's."""
        self._add(Direction.SENT, size)

    def note(self, text: str) -> None:
        self._add(Direction.NOTE, text)

    def lines(self) -> tuple[TranscriptLine, ...]:
        entries = [*self._opening, *self._recent]
        if self.cut:
            entries.insert(OPENING_LINES, (Direction.NOTE, f"{self.cut} exchanges left out", self._opening[-1][2]))
        return self._shown(entries)

    def stages(self) -> tuple[Stage, ...]:
        """Return the opening, phase by phase."""
        ends = [start for _, start, _ in self._marks[1:]] + [len(self._opening)]
        return tuple(
            Stage(phase, at - self._begun, self._shown(self._opening[start:end]))
            for (phase, start, at), end in zip(self._marks, ends, strict=True)
        )

    def _shown(self, entries: Iterable[tuple[Direction, _Entry, float]]) -> tuple[TranscriptLine, ...]:
        return tuple(
            TranscriptLine(direction, text, at - self._begun)
            for direction, what, at in entries
            for text in _rendered(what)
        )

    def text(self) -> str:
        """Return the whole as lines of `time direction text`."""
        return "\n".join(f"{line.at:8.3f} {line.direction} {line.text}" for line in self.lines())

    def _add(self, direction: Direction, what: _Entry) -> None:
        entry = (direction, what, time.monotonic())
        if len(self._opening) < OPENING_LINES:
            self._opening.append(entry)
            return
        if len(self._recent) == RECENT_LINES:
            self.cut += 1
        self._recent.append(entry)


def _rendered(what: _Entry) -> list[str]:
    if isinstance(what, list):
        return [line[:MAX_LINE] for reply in what for line in reply.wire().split("\r\n")]
    if isinstance(what, bytes):
        return [line[:MAX_LINE] for line in what.decode("utf-8", "backslashreplace").splitlines()]
    if isinstance(what, int):
        return [f"({what} bytes of content)"]
    return [what[:MAX_LINE]]
