"""Verdicts at MAIL and RCPT time. They ask `route` itself about the one address, so the two can never disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transport.message.reply import Reply
from transport.routing.envelope import Client, Envelope
from transport.routing.result import Refusal, RoutedRecipient, Routing
from transport.routing.route import route
from transport.routing.snapshot import Need, Snapshot
from transport.routing.trace import Trace

SENDER_OK: Final = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK: Final = Reply(250, "2.1.5", "Recipient OK")


@dataclass(frozen=True, slots=True)
class Admission:
    """The reply to MAIL or RCPT, and what it rests on."""

    reply: Reply
    refusal: Refusal | None
    recipient: RoutedRecipient | None
    trace: Trace
    routing: Routing | None = None

    @property
    def accepted(self) -> bool:
        return self.refusal is None


def admit_sender(client: Client, sender: str, snapshot: Snapshot, *, authors: tuple[str, ...] = ()) -> Admission | Need:
    """Decide MAIL FROM; with `authors`, decide the header's From too, once it is there."""
    routing = route(Envelope(sender, (), 0, client, authors), snapshot)
    if isinstance(routing, Need):
        return routing
    refusal = routing.sender_refusal
    return Admission(refusal.reply if refusal else SENDER_OK, refusal, None, routing.trace)


def admit_recipient(
    client: Client, sender: str, recipient: str, snapshot: Snapshot, *, size: int = 0
) -> Admission | Need:
    """Decide RCPT TO for one recipient; `size` is what MAIL declared, 0 where it did not."""
    routing = route(Envelope(sender, (recipient,), size, client), snapshot)
    if isinstance(routing, Need):
        return routing
    if routing.refused:
        routed = routing.refused[0]
        assert routed.refusal is not None, "a refused recipient has its refusal"
        return Admission(routed.refusal.reply, routed.refusal, routed, routing.trace)
    return Admission(RECIPIENT_OK, None, routing.messages[0].recipients[0], routing.trace, routing)
