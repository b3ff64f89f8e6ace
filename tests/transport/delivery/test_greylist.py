"""Greylisting as real peers word it, and what sounds like it and is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from transport.delivery.greylist import is_greylisting, told_wait
from transport.delivery.outcome import Phase
from transport.message.reply import Reply


def reply(line: str) -> Reply:
    return Reply.parse([line.encode()])


@pytest.mark.parametrize(
    ("phase", "line", "attempts", "is_one"),
    [
        (Phase.RCPT, "450 4.2.0 <b@x>: Recipient address rejected: Greylisted, see http://postgrey", 3, True),
        (Phase.RCPT, "451 4.7.1 Greylisting in action, please come back in 00:04:38", 0, True),
        (Phase.DATA, "451 Graylisted", 9, True),
        (Phase.RCPT, "450 4.7.1 You are new here, try again in 300 seconds", 4, True),
        (Phase.RCPT, "451 4.7.0 Temporarily rejected. Retry after 5 minutes", 2, True),
        (Phase.RCPT, "451 4.7.1 Please try again later", 0, True),
        (Phase.RCPT, "451 4.7.1 Please try again later", 1, False),
        (Phase.RCPT, "451 Please try again later", 0, False),
        (Phase.RCPT, "451 4.3.0 Local error, try again in 300 seconds", 0, False),
        (Phase.RCPT, "450 4.7.1 Rate limit exceeded, try again in 5 minutes", 0, False),
        (Phase.RCPT, "450 4.7.1 Too many messages, try again later", 0, False),
        (Phase.RCPT, "450 4.7.1 Blocked for 60 minutes", 0, False),
        (Phase.RCPT, "421 4.7.0 Greylisted, closing", 0, False),
        (Phase.RCPT, "550 5.7.1 Greylisted for ever", 0, False),
        (Phase.GREETING, "450 4.7.1 Greylisted", 0, False),
        (Phase.RCPT, "450 4.2.1 Mailbox busy", 0, False),
    ],
)
def test_a_peer_that_puts_off_strangers_is_known_from_one_in_trouble(
    phase: Phase, line: str, attempts: int, is_one: bool
) -> None:
    assert is_greylisting(phase, reply(line), attempts) is is_one


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted, try again in 300 seconds", 300),
        ("Greylisted for 5 minutes (see the manual)", 300),
        ("come back in 00:04:38", 278),
        ("retry in 90s", 90),
        ("wait 1 hour", 3600),
        ("try again in 2 days", None),
        ("try again in 9999 hours", None),
        ("try again in 0 seconds", None),
        ("see RFC 6647, section 2.1", None),
        ("x" * 600 + " 5 minutes", None),
    ],
)
def test_the_time_that_a_peer_names_is_read(text: str, seconds: int | None) -> None:
    assert told_wait(text) == (timedelta(seconds=seconds) if seconds else None)
