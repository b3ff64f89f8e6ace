"""The transcript is bounded, readable and cannot be forged."""

from __future__ import annotations

from transport.delivery.transcript import OPENING_LINES, RECENT_LINES, Transcript
from transport.message.reply import Reply


def test_a_long_dialogue_keeps_its_beginning_and_its_end() -> None:
    transcript = Transcript()
    for number in range(1000):
        transcript.sent(f"NOOP {number}\r\n".encode())
    lines = transcript.lines()
    assert len(lines) == OPENING_LINES + RECENT_LINES + 1
    assert (lines[0].text, lines[-1].text) == ("NOOP 0", "NOOP 999")
    assert lines[OPENING_LINES].text == f"{1000 - OPENING_LINES - RECENT_LINES} exchanges left out"


def test_groups_and_replies_are_shown_line_by_line() -> None:
    transcript = Transcript()
    transcript.sent(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n")
    transcript.received([Reply(250, "2.0.0", "one\ntwo\x1b[2J")])
    assert [(line.direction.value, line.text) for line in transcript.lines()] == [
        (">", "MAIL FROM:<a@x>"),
        (">", "RCPT TO:<b@x>"),
        ("<", "250-2.0.0 one"),
        ("<", r"250 2.0.0 two\x1b[2J"),
    ]
    assert transcript.text().splitlines()[0].endswith("> MAIL FROM:<a@x>")
