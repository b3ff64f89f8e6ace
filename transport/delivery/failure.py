"""When no endpoint of a next hop would talk to us: every attempt, and one line about it in Exchange's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transport.delivery.options import Endpoint
from transport.delivery.outcome import Phase, TlsFacts
from transport.delivery.transcript import Stage, TranscriptLine
from transport.message.reply import Reply

# Reason codes of attempts that would go the same way next time.
_HOPELESS = frozenset({"hop.loops_to_us", "hop.forbidden_address"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One endpoint's try; `reply` is the peer's own only where `from_peer` says so."""

    endpoint: Endpoint
    phase: Phase
    reply: Reply
    reason_code: str
    from_peer: bool
    transcript: tuple[TranscriptLine, ...] = ()
    stages: tuple[Stage, ...] = ()
    tls: TlsFacts | None = None

    @property
    def text(self) -> str:
        return str(self.reply)


class AttemptFailed(Exception):
    """Raised inside the opening of one connection."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.text)
        self.attempt = attempt


class HopFailure(Exception):
    """No endpoint got us as far as MAIL. The first endpoint's words stand for the hop, as with Exchange."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.attempts = tuple(attempts)
        self.permanent = bool(attempts) and all(attempt.reason_code in _HOPELESS for attempt in attempts)
        self.reply = _reply(self.attempts, self.permanent)
        super().__init__(str(self.reply))

    @property
    def primary(self) -> Attempt | None:
        return self.attempts[0] if self.attempts else None

    @property
    def peer_reply(self) -> Reply | None:
        """The primary's own words, None when it said nothing."""
        return self.primary.reply if self.primary and self.primary.from_peer else None

    @property
    def phase(self) -> Phase:
        return self.primary.phase if self.primary else Phase.CONNECT

    @property
    def endpoint(self) -> Endpoint | None:
        """The last endpoint attempted."""
        return self.attempts[-1].endpoint if self.attempts else None

    @property
    def reason_code(self) -> str:
        return self.primary.reason_code if self.primary else "hop.no_endpoint"


def _reply(attempts: Sequence[Attempt], permanent: bool) -> Reply:
    if not attempts:
        return Reply(451, "4.4.4", "The next hop has no address to connect to")
    if permanent:
        return attempts[0].reply
    failover = (
        "Attempted failover to alternate host, but that did not succeed. "
        "Either there are no alternate hosts, or delivery failed to all alternate hosts. "
    )
    return primary_target_reply(attempts[0].text, str(attempts[-1].endpoint), failover)


def primary_target_reply(peer_text: str, endpoint: str, failover: str = "") -> Reply:
    """Return Exchange's outer words for what a peer said, whatever it was (reference §5); the inner ones decide."""
    words = f'Primary target IP address responded with: "{_sentence(peer_text)}" {failover}'
    return Reply(451, "4.4.0", f"{words}The last endpoint attempted was {endpoint}")


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
