"""Greylisting (RFC 6647): a peer that puts off whom it does not know, and says so, or when to come back."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

from transport.delivery.outcome import Phase
from transport.message.reply import Reply

GREYLIST: Final = "peer.greylist"

_LOOKED_AT: Final = 500  # characters of a reply
_LONGEST: Final = timedelta(hours=12)  # what asks for more is no greylist
_PHASES: Final = frozenset({Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.FINAL})
_NAMED: Final = re.compile(r"gr[ea]y-?list", re.IGNORECASE)
_COME_BACK: Final = re.compile(
    r"\b(?:try|retry|come back|again later|later|wait|temporar\w+|delayed|deferred)\b", re.IGNORECASE
)
# These ask for patience, too, but for another reason: one that slowing down helps against.
_OTHERWISE: Final = re.compile(
    r"\brates?\b|too (?:many|much|fast)|limit|throttl|quota|exceed|overload|reputation|block|spam|\bload\b",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(r"\b([0-9]{1,2}):([0-9]{2}):([0-9]{2})\b")
_SPAN: Final = re.compile(r"\b([0-9]{1,5})\s?-?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b", re.IGNORECASE)
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600}


def is_greylisting(phase: Phase | str, reply: Reply, attempts: int) -> bool:
    """Tell a reply by which a peer puts off a stranger; `attempts` are those made before.

    It says so by name; or it is 450 or 451 with X.7.0, X.7.1 or none, and names the time to come back; or it does so
    without a time at the first try. A 421 ends the connection, so it is trouble whatever it says.
    """
    if phase not in _PHASES or not reply.is_transient or reply.code == 421:
        return False
    text = reply.text[:_LOOKED_AT]
    if _NAMED.search(text):
        return True
    if reply.code not in (450, 451) or reply.enhanced not in (None, "4.7.0", "4.7.1") or _OTHERWISE.search(text):
        return False
    if not _COME_BACK.search(text):
        return False
    return told_wait(text) is not None or (attempts == 0 and reply.enhanced is not None)


@lru_cache(maxsize=256)
def told_wait(text: str) -> timedelta | None:
    """Return how long a reply asks us to wait: `in 300 seconds`, `for 5 minutes`, `in 00:04:38`; None: it does not."""
    text = text[:_LOOKED_AT]
    if clock := _CLOCK.search(text):
        hours, minutes, seconds = map(int, clock.groups())
        return _sensible(timedelta(hours=hours, minutes=minutes, seconds=seconds))
    if span := _SPAN.search(text):
        return _sensible(timedelta(seconds=int(span[1]) * _UNITS[span[2][0].lower()]))
    return None


def _sensible(wait: timedelta) -> timedelta | None:
    return wait if timedelta(0) < wait <= _LONGEST else None
