"""A reason or a problem in the reader's language: the registry's words with the facts of one case filled in."""

from __future__ import annotations

from django.utils.translation import gettext

from tenants.problems import Problem
from transport.routing import reasons
from transport.routing.reasons import Explanation


def explain(code: str, /, **facts: object) -> Explanation:
    return reasons.explain(code, translate=gettext, **facts)


def explain_problem(problem: Problem) -> Explanation:
    return explain(problem.code, **problem.facts)
