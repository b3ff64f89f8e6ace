"""Headers that every page carries, a strict content security policy above all; and what no request may hold."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

# No CDN, no inline script, no inline style. The admin and the API's documentation keep to it too.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    ]
)


class SecurityHeadersMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class NoNulMiddleware:
    """Refuse an address with a NUL in it, which no text in PostgreSQL can hold: 400, and never a failure of ours.

    Forms refuse it in what is posted, and the API's views say so in their own way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = f"{request.path_info}?{request.META.get('QUERY_STRING', '')}"
        if ("\0" in asked or "%00" in asked) and not request.path_info.startswith("/api/"):
            raise BadRequest("The address holds a NUL.")
        return self.get_response(request)
