"""The decision trace: what was decided in which order and why, cheap to record, rendered only when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from typing_extensions import override

from transport.routing.wording import Translate, fill, gettext_noop

VERSION: Final = 1


class StepKind(StrEnum):
    CLIENT = "client"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONNECTOR = "connector"


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    RESOLVED = "resolved"
    RELAYED = "relayed"
    HANDED_OVER = "handed_over"
    MERGED = "merged"
    CHOSEN = "chosen"
    WAITING = "waiting"
    WARNING = "warning"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Considered:
    """A candidate, whether it won, and what it won or lost by."""

    name: str
    verdict: str
    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def why(self, translate: Translate = gettext_noop) -> str:
        return fill(translate(self.template), self.facts)


Considering = Callable[[], tuple[Considered, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One decision. `reason_code` is set where it means a wait or a refusal."""

    kind: StepKind
    subject: str
    verdict: Verdict
    template: str
    facts: Mapping[str, Any]
    considered: tuple[Considered, ...]
    reason_code: str | None

    def detail(self, translate: Translate = gettext_noop) -> str:
        return fill(translate(self.template), self.facts)

    def to_json(self, translate: Translate = gettext_noop) -> dict[str, Any]:
        return {
            "step": self.kind.value,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "detail": self.detail(translate),
            "reason": self.reason_code,
            "facts": {name: str(value) for name, value in self.facts.items()},
            "considered": [
                {"name": one.name, "verdict": one.verdict, "why": one.why(translate)} for one in self.considered
            ],
        }


_NO_FACTS: Final[Mapping[str, Any]] = {}
_Recorded = tuple[StepKind, str, Verdict, str, Mapping[str, Any], Considering | None, str | None, UUID | None]
# The part of steps that belong to no tenant's record, such as the refusal of a recipient in nobody's domain.
NOBODY: Final = UUID(int=0)


class Trace:
    """The steps of one decision in their order."""

    __slots__ = ("_recorded",)

    def __init__(self) -> None:
        self._recorded: list[_Recorded] = []

    def add(
        self,
        kind: StepKind,
        subject: str,
        verdict: Verdict,
        template: str,
        facts: Mapping[str, Any] = _NO_FACTS,
        considering: Considering | None = None,
        reason_code: str | None = None,
        *,
        part: UUID | None = None,
    ) -> None:
        """Record a step; `considering` is called only if somebody reads the trace.

        `part` is the tenant whose business the step is; None: everybody's who gets a part of the message.
        """
        self._recorded.append((kind, subject, verdict, template, facts, considering, reason_code, part))

    def extend(self, other: Trace, first: StepKind) -> None:
        """Take over the steps of another trace, from the first one of this kind on."""
        steps = other._recorded
        start = next((at for at, step in enumerate(steps) if step[0] is first), len(steps))
        self._recorded += steps[start:]

    def for_tenant(self, tenant_id: UUID, *, unowned: bool = False) -> Trace:
        """Return what this tenant may see: what is decided for others' recipients never crosses (design §12.4).

        With `unowned` also what is nobody's business: the refusal of a recipient in nobody's domain.
        """
        seen = {None, tenant_id, NOBODY} if unowned else {None, tenant_id}
        trace = Trace()
        trace._recorded = [step for step in self._recorded if step[-1] in seen]
        return trace

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(
            Step(kind, subject, verdict, template, facts, considering() if considering else (), reason_code)
            for kind, subject, verdict, template, facts, considering, reason_code, _part in self._recorded
        )

    def to_json(self, translate: Translate = gettext_noop) -> dict[str, Any]:
        """Return what JSON can hold: for the message's record, the API and the simulator."""
        return {"version": VERSION, "steps": [step.to_json(translate) for step in self.steps]}

    def lines(self, translate: Translate = gettext_noop) -> list[str]:
        """Return the trace for a person, one line a step and an indented one a candidate."""
        lines = []
        for step in self.steps:
            lines.append(f"{step.kind} {step.subject}: {step.verdict}: {step.detail(translate)}")
            lines.extend(f"    {one.name}: {one.verdict}: {one.why(translate)}" for one in step.considered)
        return lines

    @override
    def __eq__(self, other: object) -> bool:
        return self.steps == other.steps if isinstance(other, Trace) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @override
    def __str__(self) -> str:
        return "\n".join(self.lines())
