"""Walks to a next hop for somebody who watches: each step with its time, what was said, and what went wrong.

It goes the way of a delivery, by the same options and to the same addresses, and by default sends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from transport.delivery.client import SmtpConnection
from transport.delivery.failure import AttemptFailed
from transport.delivery.hop import open_endpoint
from transport.delivery.options import Endpoint, HopOptions, Timeouts, TlsMode
from transport.delivery.outcome import Outcome, OutgoingMessage, Phase, RecipientOutcome, TlsFacts
from transport.delivery.transcript import Direction, Stage, TranscriptLine
from transport.message.reply import Reply

# Somebody waits in front of a page; a peer that is slow to greet still gets its half minute.
TIMEOUTS: Final = Timeouts(
    opening=40.0, connect=10.0, greeting=35.0, helo=20.0, tls=15.0, auth=20.0, envelope=40.0, block=20.0, final=60.0
)
ENDPOINTS: Final = 5
PATIENCE: Final = 40.0  # seconds after which no further endpoint is begun


class Verdict(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One phase at one endpoint. `reply` and `reason_code` say what is wrong, or worth knowing."""

    phase: Phase
    verdict: Verdict
    milliseconds: int
    said: tuple[TranscriptLine, ...] = ()
    endpoint: Endpoint | None = None
    reply: Reply | None = None
    reason_code: str = ""
    found: tuple[Endpoint, ...] = ()  # of the step of DNS
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Walk:
    """How far it went: `outcome` is the recipient's, None where no endpoint let us get that far."""

    steps: tuple[Step, ...]
    outcome: RecipientOutcome | None = None
    tls: TlsFacts | None = None

    @property
    def succeeded(self) -> bool:
        return self.outcome is not None and self.outcome.status is Outcome.DELIVERED


async def walk(hosts: Sequence[Endpoint], options: HopOptions, message: OutgoingMessage, *, deliver: bool) -> Walk:
    """Try the endpoints in their order up to the first that talks to us; the message has one recipient."""
    steps: list[Step] = []
    begun = time.monotonic()
    for endpoint in hosts[:ENDPOINTS]:
        if time.monotonic() - begun > PATIENCE:
            break
        at = time.monotonic()
        try:
            connection = await open_endpoint(endpoint, options)
        except AttemptFailed as failure:
            tried = failure.attempt
            failed = (tried.phase, tried.reply, tried.reason_code)
            steps += _steps(tried.stages, endpoint, time.monotonic() - at, options, failed=failed)
            continue
        [outcome] = await connection.rehearse(message, deliver=deliver)
        await connection.quit()
        return Walk((*steps, *_conversed(connection, outcome, time.monotonic() - at, options)), outcome, connection.tls)
    return Walk(tuple(steps))


def _conversed(
    connection: SmtpConnection, outcome: RecipientOutcome, elapsed: float, options: HopOptions
) -> list[Step]:
    failed = None
    if outcome.status is not Outcome.DELIVERED:
        phase = Phase.DATA if outcome.phase is Phase.FINAL else outcome.phase
        failed = (phase, outcome.reply, outcome.reason_code)
    return _steps(
        connection.stages, connection.endpoint, elapsed, options, failed=failed, is_encrypted=connection.tls is not None
    )


def _steps(
    stages: Sequence[Stage],
    endpoint: Endpoint,
    elapsed: float,
    options: HopOptions,
    *,
    failed: tuple[Phase, Reply, str] | None,
    is_encrypted: bool = True,
) -> list[Step]:
    """Return the stages as steps; the last one of the phase that failed is the one at fault."""
    ends = [stage.at for stage in stages[1:]] + [elapsed]
    at_fault = max((at for at, stage in enumerate(stages) if failed and stage.phase is failed[0]), default=-1)
    steps = []
    for at, (stage, end) in enumerate(zip(stages, ends, strict=True)):
        verdict, reply, reason_code = Verdict.PASSED, None, ""
        if failed and at == at_fault:
            verdict, reply, reason_code = Verdict.FAILED, failed[1], failed[2]
        elif stage.phase is Phase.STARTTLS and any(later.phase is Phase.CONNECT for later in stages[at + 1 :]):
            verdict, reason_code = Verdict.WARNING, "sts.testing" if options.tls.fallback else "validate.tls_failed"
        elif stage.phase is Phase.STARTTLS and not is_encrypted:
            verdict, reason_code = Verdict.WARNING, _why_clear(stage)
        milliseconds = round((end - stage.at) * 1000)
        steps.append(Step(stage.phase, verdict, milliseconds, stage.lines, endpoint, reply, reason_code))
    if failed and at_fault < 0:
        # What we refuse to send ourselves shows in no dialogue.
        steps.append(Step(failed[0], Verdict.FAILED, 0, (), endpoint, failed[1], failed[2]))
    if options.tls.mode is TlsMode.NONE and not options.tls.implicit and failed is None:
        steps = _with_note(steps, Step(Phase.STARTTLS, Verdict.WARNING, 0, (), endpoint, None, "validate.tls_off"))
    return steps


def _why_clear(stage: Stage) -> str:
    """Say why a connection that might be encrypted is not: nothing was said where the peer offers no STARTTLS."""
    return "validate.tls_failed" if stage.lines else "validate.tls_not_offered"


def _with_note(steps: list[Step], note: Step) -> list[Step]:
    """Put a step that did not take place where it would have: after the last greeting by name."""
    after = max((at for at, step in enumerate(steps) if step.phase is Phase.HELO), default=len(steps) - 1)
    return [*steps[: after + 1], note, *steps[after + 1 :]]


def spoken(lines: Iterable[TranscriptLine]) -> list[tuple[str, str, int]]:
    """Return lines as (who, text, milliseconds): `we`, `peer`, or `note` for what we say about it."""
    who = {Direction.SENT: "we", Direction.RECEIVED: "peer", Direction.NOTE: "note"}
    return [(who[line.direction], line.text, round(line.at * 1000)) for line in lines]
