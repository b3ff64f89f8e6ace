"""Paths that are nowhere: told as a page to people, and as problem details to programs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from postroom.api.errors import CONTENT_TYPE, details
from postroom.console import elsewhere
from postroom.explain import explain


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 in the form that the caller reads."""
    if not request.path.startswith("/api/"):
        return elsewhere.not_found(request, exception)
    body = details(404, explain("api.no_such_path", path=request.path[:200]))
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)
