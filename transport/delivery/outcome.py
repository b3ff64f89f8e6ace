"""What goes into a delivery attempt and what comes out of it: plain values, one outcome per recipient."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

from transport.message.reply import Reply


class Phase(StrEnum):
    """Where in the dialogue something happened."""

    DNS = "dns"
    POLICY = "policy"  # of the recipient's domain, about encryption
    CONNECT = "connect"
    GREETING = "greeting"
    HELO = "helo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"
    QUIT = "quit"


class Outcome(StrEnum):
    DELIVERED = "delivered"
    TRANSIENT = "transient"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class OutgoingRecipient:
    """`notify` and `orcpt` are DSN parameters as they go on the wire (RFC 3461: "FAILURE,DELAY", "rfc822;xtext")."""

    key: Hashable
    address: str
    notify: str | None = None
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message for one connection; `sender` '' is the null path, `content` has neither stuffing nor final dot."""

    key: Hashable
    sender: str
    recipients: tuple[OutgoingRecipient, ...]
    content: bytes
    body_8bit: bool = False
    smtputf8: bool = False
    envid: str | None = None
    ret: str | None = None
    require_tls: bool = False  # RFC 8689


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """How a connection is encrypted; `verified` only where the policy asked for a check of the certificate."""

    version: str
    cipher: str
    verified: bool
    peer_name: str | None


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """What became of one recipient, with the words that decided it; `host` is '' where no peer was asked."""

    key: Hashable
    status: Outcome
    reply: Reply
    phase: Phase
    reason_code: str
    host: str = ""
    endpoint: str | None = None
    tls: TlsFacts | None = None
    octets: int = 0  # of content that went out to the peer, whatever became of it
    dsn_passed_on: bool = False  # the peer speaks RFC 3461, so that telling the sender of success is its task now


def status_of(reply: Reply, phase: Phase) -> Outcome:
    """Judge by the code alone: what is neither 2xx nor 5xx is worth another try."""
    if reply.is_success:
        return Outcome.DELIVERED
    if not reply.is_permanent:
        return Outcome.TRANSIENT
    # RFC 5321 4.5.3.1.10: 552 at RCPT means "too many recipients" and must be treated as 452, unless the
    # enhanced code says that it speaks of the mailbox (X.2.2 full, X.2.3 and X.3.4 too large).
    if phase is Phase.RCPT and reply.code == 552 and reply.enhanced in (None, "5.5.3"):
        return Outcome.TRANSIENT
    return Outcome.PERMANENT
