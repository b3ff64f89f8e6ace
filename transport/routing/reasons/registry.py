"""The registry of reason codes: every wait and every refusal has one, with an explanation and often a fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from transport.message.reply import Reply
from transport.routing.reasons import (
    checks,
    configuration,
    connectors,
    dns,
    hops,
    lifecycle,
    members,
    messages,
    peers,
    queue,
    recipients,
    requests,
    routes,
    senders,
    session,
    transport_security,
    validation,
    versions,
)
from transport.routing.reasons.reason import Fix, Reason, Side
from transport.routing.wording import Facts, Translate, fill, gettext_noop


def _registered(*groups: Iterable[Reason]) -> dict[str, Reason]:
    registry: dict[str, Reason] = {}
    for reason in (reason for group in groups for reason in group):
        assert reason.code not in registry, f"{reason.code} is registered twice"
        registry[reason.code] = reason
    return registry


REASONS: Final[dict[str, Reason]] = _registered(
    session.REASONS,
    senders.REASONS,
    messages.REASONS,
    recipients.REASONS,
    routes.REASONS,
    dns.REASONS,
    hops.REASONS,
    peers.REASONS,
    queue.REASONS,
    configuration.REASONS,
    members.REASONS,
    connectors.REASONS,
    requests.REASONS,
    checks.REASONS,
    versions.REASONS,
    lifecycle.REASONS,
    validation.REASONS,
    transport_security.REASONS,
)

UNKNOWN: Final = Reason(
    "unknown",
    Side.OURS,
    gettext_noop("Something that has no explanation yet"),
    gettext_noop("This is our mistake: the reason was not registered. The reply and the trace beside it still hold."),
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason with the facts of one case filled in."""

    code: str
    side: Side
    title: str
    text: str
    fixes: tuple[Fix, ...]
    reply: Reply | None

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "side": self.side.value,
            "title": self.title,
            "explanation": self.text,
            "fixes": [
                {"action": fix.action.value, "label": fix.label, "params": dict(fix.params)} for fix in self.fixes
            ],
        }


def explain(code: str, /, *, translate: Translate = gettext_noop, **facts: Any) -> Explanation:
    """Return the reason's words for one case; a code or a fact that is unknown never raises."""
    reason = REASONS.get(code, UNKNOWN)
    known = {"why": "", **{name: value for name, value in facts.items() if value is not None}}
    return Explanation(
        code,
        reason.side,
        fill(translate(reason.title), known),
        fill(translate(reason.explanation), known).replace("  ", " ").strip(),
        tuple(_filled(fix, known, translate) for fix in reason.fixes),
        reply_for(code, **known) if reason.reply else None,
    )


def _filled(fix: Fix, facts: dict[str, Any], translate: Translate) -> Fix:
    """Fill the label and those parameters of which all facts are known."""
    params = {name: fill(value, facts) for name, value in fix.params.items()}
    known = {name: value for name, value in params.items() if value and Facts.MISSING not in value}
    return Fix(fix.action, fill(translate(fix.label), facts), known)


def reply_for(code: str, /, **facts: Any) -> Reply:
    """Return the SMTP reply of a reason, one line of ASCII whatever the facts hold; KeyError if it has none."""
    reply = REASONS[code].reply
    if reply is None:
        raise KeyError(f"{code} has no SMTP reply")
    if "{" not in reply.text:
        return reply
    text = fill(reply.text, facts)
    if not (text.isascii() and text.isprintable()):
        text = text.encode("unicode_escape").decode()
    return Reply(reply.code, reply.enhanced, text)
