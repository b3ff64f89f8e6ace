"""Which peers offer CHUNKING and do not know BDAT (RFC 3030): they get DATA from then on.

A device on the way that filters commands does that, too. What is known lasts for a while and for one process: whoever
does not know it finds out by one attempt.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

CHUNKING: Final = "peer.chunking"  # the reason of a message that goes again with DATA
MEMORY: Final = 3600.0  # seconds
MOST: Final = 1000
# What a peer says that takes BDAT for no command, or its content for many (RFC 5321 4.2.4).
UNKNOWN_COMMAND: Final = frozenset({500, 501, 502, 503, 504, 555})

_failed: OrderedDict[str, float] = OrderedDict()


def avoid_chunks(endpoint: str) -> None:
    """Send no more chunks to this endpoint for an hour."""
    _failed.pop(endpoint, None)
    _failed[endpoint] = time.monotonic() + MEMORY
    while len(_failed) > MOST:
        _failed.popitem(last=False)


def may_chunk(endpoint: str) -> bool:
    until = _failed.get(endpoint)
    return until is None or until < time.monotonic()


def forget() -> None:
    """Trust every peer again; tests begin so."""
    _failed.clear()
