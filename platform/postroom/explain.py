"""A reason or a problem in words, for people and programs: the registry's text with the facts filled in."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from tenants.problems import Problem
from transport.routing.reasons import REASONS, Fix, Reason


@dataclass(frozen=True, slots=True)
class Explained:
    code: str
    title: str
    text: str
    side: str
    fix: Fix | None


def explain(code: str, **facts: object) -> Explained:
    """Return a reason in words; a code that the registry lacks is shown as it is, never hidden."""
    reason = REASONS.get(code)
    if reason is None:
        return Explained(code, code, "", "ours", None)
    return Explained(code, _fill(reason.title, facts), _fill(reason.explanation, facts), str(reason.side), reason.fix)


def explain_problem(problem: Problem) -> Explained:
    return explain(problem.code, **problem.facts)


def _fill(text: str, facts: dict[str, object]) -> str:
    return gettext(text).format_map(_Facts(facts)) if text else ""


class _Facts(dict[str, object]):
    """Facts for a text; one that is not known reads as an ellipsis, not as an error."""

    def __missing__(self, key: str) -> str:
        return "…"


__all__ = ["Explained", "Reason", "explain", "explain_problem"]
