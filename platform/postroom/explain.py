"""A reason or a problem in the reader's language: the registry's words with the facts of one case filled in."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_lazy

from tenants.problems import Problem
from transport.routing import reasons
from transport.routing.reasons import Explanation

# Facts that are words of ours, and so in the reader's language.
WORDS = {
    "messages": gettext_lazy("messages"),
    "recipients": gettext_lazy("recipients"),
    "hour": gettext_lazy("hour"),
    "day": gettext_lazy("day"),
}


def explain(code: str, /, **facts: object) -> Explanation:
    """Return a reason in the language that is active, with the facts of one case filled in."""
    words = {name: str(WORDS.get(str(facts[name]), facts[name])) for name in ("what", "period") if name in facts}
    return reasons.explain(code, translate=gettext, **(facts | words))


def explain_problem(problem: Problem) -> Explanation:
    return explain(problem.code, **problem.facts)
