"""What became of deliveries, as values: by a peer, by the mailbox store, or by the queue itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from transport.delivery.error_policies import Policies, policy_for, rejudged, waits_for_dns
from transport.delivery.failure import HopFailure, primary_target_reply
from transport.delivery.greylist import GREYLIST, told_wait
from transport.delivery.outcome import Outcome, Phase, RecipientOutcome, TlsFacts
from transport.dns.failures import DnsFailure
from transport.message.reply import Reply
from transport.models import EventId, Source
from transport.queue.claim import ClaimedDelivery, ClaimedMessage


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a recipient was delivered, delayed or refused: `reply` in Exchange's words, `peer_reply` in the peer's own.

    Recipients of one message with equal verdicts share an event of the tracking log.
    """

    status: Outcome
    reply: Reply
    reason: str
    source: Source = Source.SMTP
    phase: str = ""
    peer_reply: Reply | None = None
    host: str = ""
    endpoint: str = ""
    tls: TlsFacts | None = None
    cause: str = ""  # of what the queue itself decides: the error that stood in the way until then
    cause_reason: str = ""
    octets: int = 0  # of content that went out
    error_policy: str = ""  # of the connector, where it judged otherwise than the code
    dsn_passed_on: bool = False  # the next hop tells the sender of success, where that was asked for (RFC 3461 5.2)

    @property
    def words(self) -> Reply:
        """The words that decided it, the peer's where it spoke."""
        return self.peer_reply or self.reply

    @property
    def server(self) -> str:
        """The next hop as the tracking log names it: name [address]:port."""
        return f"{self.host} {self.endpoint}".strip()

    @property
    def facts(self) -> dict[str, Any]:
        """What the log's detail says of the attempt."""
        facts: dict[str, Any] = {"phase": self.phase} if self.phase else {}
        if self.tls:
            facts["tls"] = {"version": self.tls.version, "cipher": self.tls.cipher, "verified": self.tls.verified}
        if self.octets:
            facts["bytes"] = self.octets
        if self.peer_reply and self.reply != self.peer_reply:
            facts["text"] = str(self.reply)
        if self.error_policy:
            facts["error_policy"] = self.error_policy
        if self.cause:
            facts["last_error"] = self.cause
        if self.reason == GREYLIST and (wait := told_wait(self.words.text)):
            facts["asked_to_wait"] = round(wait.total_seconds())
        return facts


@dataclass(frozen=True, slots=True)
class Result:
    """One recipient's verdict; a delayed one has its next attempt, unless the queue's schedule says when."""

    delivery: ClaimedDelivery
    verdict: Verdict
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One message's attempt, to be recorded as one story."""

    message: ClaimedMessage
    lease_id: UUID
    results: tuple[Result, ...]
    at: datetime
    connector: str = ""
    milliseconds: int | None = None
    content: bytes | None = None  # for the notice, where one is due
    delivered_as: tuple[EventId, Source] = (EventId.SEND, Source.SMTP)
    tls_policy: Mapping[str, Any] | None = None  # what encryption was asked for, and why

    def with_status(self, status: Outcome) -> list[Result]:
        return [result for result in self.results if result.verdict.status is status]

    @property
    def has_failed(self) -> bool:
        return any(result.verdict.status is Outcome.PERMANENT for result in self.results)

    @property
    def may_be_told(self) -> bool:
        """Whether a notice may come of it, which quotes the message."""
        return self.has_failed or any("SUCCESS" in result.delivery.notify.upper() for result in self.results)


@dataclass(frozen=True, slots=True)
class QueueChange:
    """The queue's own state after an attempt: in back-off with an error, or working again."""

    queue_id: UUID
    retry_count: int = 0
    next_retry_at: datetime | None = None
    verdict: Verdict | None = None
    at: datetime | None = None
    connected_to: str = ""  # name and endpoint of the host that answers


def verdict_of(outcome: RecipientOutcome, policies: Policies = ()) -> Verdict:
    """Return a peer's answer about one recipient as a verdict, as the connector's error policies judge it.

    What it only delays is told in Exchange's outer words, as a failed connection is; the peer's own stay apart.
    """
    outcome, policy = rejudged(policies, outcome)
    outer = outcome.reply
    if outcome.status is Outcome.TRANSIENT and outcome.endpoint:
        outer = primary_target_reply(str(outcome.reply), outcome.endpoint)
    return Verdict(
        outcome.status,
        outer,
        outcome.reason_code,
        phase=outcome.phase.value,
        peer_reply=outcome.reply,
        host=outcome.host,
        endpoint=outcome.endpoint or "",
        tls=outcome.tls,
        octets=outcome.octets,
        error_policy=policy,
        dsn_passed_on=outcome.dsn_passed_on,
    )


def verdict_of_hop(failure: HopFailure, policies: Policies = ()) -> Verdict:
    """Return what a next hop that nobody got through to means for all that waits for it."""
    primary = failure.primary
    status = Outcome.PERMANENT if failure.permanent else Outcome.TRANSIENT
    policy = policy_for(policies, failure.peer_reply, status) if failure.peer_reply else None
    return Verdict(
        policy.status if policy else status,
        failure.reply,
        failure.reason_code,
        phase=failure.phase.value,
        peer_reply=failure.peer_reply,
        host=primary.endpoint.host if primary else "",
        endpoint=str(primary.endpoint) if primary else "",
        tls=primary.tls if primary else None,
        error_policy=str(policy or ""),
    )


def verdict_of_dns(failure: DnsFailure, policies: Policies = ()) -> Verdict:
    waits = waits_for_dns(policies, failure)
    return Verdict(
        Outcome.PERMANENT if failure.permanent and not waits else Outcome.TRANSIENT,
        failure.reply,
        failure.reason_code,
        source=Source.DNS,
        phase=Phase.DNS.value,
        error_policy="dns transient" if waits else "",
    )
