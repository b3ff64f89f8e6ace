"""What follows when somebody has signed in: the session is listed, its time noted, and the audit log has a row."""

from __future__ import annotations

import time
from typing import Final

from allauth.usersessions.models import UserSession
from django.contrib.auth import login
from django.http import HttpRequest

from postroom.sign_in.record import address_of, record
from tenants.models import User

SEEN: Final = "seen"  # when a session was used last, in the session itself


def note_arrival(request: HttpRequest, user: User) -> None:
    """Finish a sign-in by the ordinary door, where allauth has listed the session already."""
    request.session[SEEN] = int(time.time())
    record(user=user, action="user.sign_in", address=address_of(request))


def open_session(request: HttpRequest, user: User) -> None:
    """Sign in somebody whose log-in was made this very moment, and who has no second factor yet."""
    login(request, user)
    UserSession.objects.create_from_request(request)
    note_arrival(request, user)
