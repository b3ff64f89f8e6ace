"""What is known about a message and its recipients when its sender is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from transport.message.reply import Reply

MAX_ORIGINAL: Final = 100_000


class Action(StrEnum):
    """RFC 3464 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


class Side(StrEnum):
    """On whose side the cause lies."""

    OURS = "ours"
    TENANT = "tenant"
    SENDER = "sender"
    PEER = "peer"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient; `explanation` and `fix` are in the reader's language already.

    `reply` holds the words of `remote_mta`, or our own if there is none. `orcpt` is the ORCPT parameter as it came.
    """

    address: str
    reply: Reply
    action: Action = Action.FAILED
    status: str | None = None
    orcpt: str | None = None
    remote_mta: str | None = None
    last_attempt_at: datetime | None = None
    explanation: str = ""
    fix: str = ""
    side: Side | None = None

    @property
    def enhanced_status(self) -> str:
        """RFC 3464 2.3.4: a status is always given, if only the general one of its class."""
        said = self.status or self.reply.enhanced
        # A message that expired failed with a 4.x.x status; nothing else crosses the classes.
        classes = {Action.FAILED: "54", Action.DELAYED: "4"}.get(self.action, "2")
        return said if said and said[0] in classes else f"{classes[0]}.0.0"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one notification but its wording; times are aware, addresses as text."""

    reporting_mta: str
    postmaster: str
    sender: str
    message_id: str
    date: datetime
    recipients: tuple[FailedRecipient, ...]
    original: bytes
    arrival_date: datetime | None = None
    envelope_id: str | None = None
    will_retry_until: datetime | None = None
    timeline_url: str | None = None
    max_original: int = MAX_ORIGINAL
    headers_only: bool = False
    allow_8bit: bool = False
