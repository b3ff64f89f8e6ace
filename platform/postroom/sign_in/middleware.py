"""What each request of a signed-in person goes through: the session's last use, and the second factor that is due."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from postroom.scoping import WITHOUT_TENANT
from postroom.sign_in.arrival import SEEN
from postroom.sign_in.record import address_of
from tenants.access import MembershipEntry
from tenants.models import User

SEEN_EVERY: Final = 5 * 60  # seconds between two writes of one session's last use
EXEMPT: Final = (
    *WITHOUT_TENANT,
    "/organisation/",
    "/organisations/",
    "/invitation/",
    "/static/",
    "/api/",
    "/healthz",
    "/readyz",
    "/metrics",
)


class LastSeenMiddleware:
    """Keep where and when a session was used last. The session itself remembers the time: no query a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session, now = request.session, int(time.time())
        if now - session.get(SEEN, now) >= SEEN_EVERY and request.user.is_authenticated:
            session[SEEN] = now
            rows = UserSession.objects.filter(session_key=session.session_key)
            rows.update(last_seen_at=timezone.now(), ip=address_of(request) or "0.0.0.0")  # noqa: S104
        return self.get_response(request)


class SecondFactorMiddleware:
    """Lead who must have a second factor and has none to set one up, before anything else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and not request.path.startswith(EXEMPT) and _is_due(request, user):
            messages.warning(request, gettext("You need a second factor here. Set one up to go on."))
            return redirect("mfa_activate_totp")
        return self.get_response(request)


def _is_due(request: HttpRequest, user: User) -> bool:
    membership: MembershipEntry | None = getattr(request, "membership", None)
    if request.path.startswith("/admin/"):
        return settings.POSTROOM_OPERATORS_SECOND_FACTOR and user.is_operator and not _has_second_factor(user)
    if membership is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT lacks_second_factor(%s, %s)", [user.pk, membership.tenant_id])
        return bool(cursor.fetchone()[0])


def _has_second_factor(user: User) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_second_factor(%s)", [user.pk])
        return bool(cursor.fetchone()[0])
