"""When a greylisted message is tried again: no sooner than its peer will take it, no later than the tenant wants."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from transport.delivery.chunking import CHUNKING
from transport.delivery.greylist import GREYLIST, is_greylisting, told_wait
from transport.delivery.outcome import Outcome, Phase
from transport.queue.claim import ClaimedDelivery
from transport.queue.outcomes import Verdict
from transport.routing.retry import RetryClock

USUAL: Final = timedelta(minutes=5)  # what most greylists ask for
SPARE: Final = timedelta(seconds=1)  # a peer's clock and ours need not agree to the second
PATIENCE: Final = 6  # so many times; whoever asks again and again is on the ordinary clock

# Labels that say little; what has a label of its own is no greylisting, though it may sound so.
_VAGUE: Final = frozenset(
    {
        GREYLIST,
        "peer.busy",
        "peer.policy",
        "peer.content",
        "peer.recipient_rejected",
        "peer.sender_rejected",
        "peer.temporary",
    }
)


def labelled(verdict: Verdict, attempts: int) -> Verdict:
    """Return the verdict, as greylisting where the peer's words and the attempts made before say so."""
    if verdict.status is not Outcome.TRANSIENT or verdict.peer_reply is None or verdict.reason not in _VAGUE:
        return verdict
    if verdict.reason == GREYLIST or not is_greylisting(Phase(verdict.phase), verdict.peer_reply, attempts):
        return verdict
    return replace(verdict, reason=GREYLIST)


def is_trouble(verdict: Verdict) -> bool:
    """Tell whether a delay says anything about the next hop itself: greylisting is between it and one sender."""
    if verdict.reason == CHUNKING:
        return False
    return verdict.reason != GREYLIST or verdict.words.code == 421


def next_attempt(verdict: Verdict, delivery: ClaimedDelivery, clock: RetryClock, at: datetime) -> datetime:
    """Return when a delayed recipient is tried again: by the tenant's clock, or after a greylist's time.

    That is the time the peer names, else five minutes, or the clock's longest step where that is less. A time that
    lies behind the message's expiry would be no try at all, so there the clock counts.
    """
    if verdict.reason == CHUNKING:
        return at  # from now on it gets DATA
    usual = clock.next_attempt(at, delivery.attempts + 1)
    if is_trouble(verdict) or delivery.attempts >= PATIENCE:
        return usual
    told = told_wait(verdict.words.text)
    waited = at + (told + SPARE if told else min(USUAL, clock.longest))
    return waited if waited < delivery.expires_at else min(usual, waited)
