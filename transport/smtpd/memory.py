"""How much of what clients have sent the daemon holds in memory, over all its sessions, and what it does about it.

Each session is bounded by itself (inbox.py); thousands of them together are not. Beyond the limit nobody is read
from until what is there has gone to files, to the database, or away with its client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from transport.smtpd.inbox import Inbox

LIMIT: Final = 64 * 1024 * 1024


class Memory:
    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self.is_short = False
        self._inboxes: set[Inbox] = set()

    def join(self, inbox: Inbox) -> None:
        self._inboxes.add(inbox)

    def leave(self, inbox: Inbox) -> None:
        self._inboxes.discard(inbox)

    def take(self, size: int) -> None:
        """Count octets that came in; when they are too many, stop reading and move content to files."""
        self.used += size
        if self.used > self.limit and not self.is_short:
            self.is_short = True
            for inbox in [*self._inboxes]:
                inbox.relieve()
                if not self.is_short:
                    break

    def free(self, size: int) -> None:
        """Count octets that are gone; once a quarter of the limit is free again, reading goes on."""
        self.used -= size
        if self.is_short and self.used <= self.limit - self.limit // 4:
            self.is_short = False
            for inbox in [*self._inboxes]:
                inbox.read_on()
