"""A page that is not in this organisation may be in another of the same person's: then we offer to go there.

The page is tried with the eyes of each of their other memberships. Whoever belongs to none of them is told what
everybody is told: that there is no such page.
"""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import page_not_found

from tenants.access import MembershipEntry
from tenants.scope import scope

MOST: Final = 20  # organisations that are tried


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    entry = _home_of(request)
    if entry is None:
        return page_not_found(request, exception)
    return render(request, "console/organisations/elsewhere.html", {"entry": entry}, status=404)


def _home_of(request: HttpRequest) -> MembershipEntry | None:
    match = request.resolver_match
    if request.method != "GET" or match is None or match.app_name != "console" or not match.kwargs:
        return None
    if getattr(match.func, "manages_scope", False):  # it talks to the network: nothing to try out
        return None
    here: MembershipEntry | None = getattr(request, "membership", None)
    others = [entry for entry in getattr(request, "memberships", []) if entry != here][:MOST]
    try:
        return next((entry for entry in others if _shows(request, entry)), None)
    finally:
        request.membership = here  # type: ignore[attr-defined]  # as the middleware left it


def _shows(request: HttpRequest, entry: MembershipEntry) -> bool:
    """Return whether the page is there for this membership; what showing it would change is undone."""
    match = request.resolver_match
    assert match is not None, "asked before"
    request.membership = entry  # type: ignore[attr-defined]
    try:
        with scope(entry.tenant_id), transaction.atomic():
            answer = match.func(request, *match.args, **match.kwargs)
            transaction.set_rollback(True)
    except Http404:
        return False
    return bool(answer.status_code == 200)
