"""Where somebody is signed in, as the account page lists it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.translation import gettext

from tenants.models import User

# The first that occurs in the user agent; others claim to be those further down.
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Device:
    """One session: what it looks like, from where, since when and seen last."""

    id: int
    name: str
    address: str
    since: datetime
    last_seen: datetime
    is_this: bool


def devices_of(user: User, this_key: str) -> list[Device]:
    """Return a person's sessions that are still open, this one first, then the latest seen."""
    rows = list(UserSession.objects.filter(user_id=user.pk))
    keys = [row.session_key for row in rows]
    alive = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()).values_list("pk", flat=True)
    )
    devices = [
        Device(
            row.pk, device_name(row.user_agent), row.ip, row.created_at, row.last_seen_at, row.session_key == this_key
        )
        for row in rows
        if row.session_key in alive
    ]
    return sorted(devices, key=lambda device: (device.is_this, device.last_seen), reverse=True)


def device_name(user_agent: str) -> str:
    """Return "Firefox on Linux", as far as the user agent tells."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return gettext("{browser} on {system}").format(browser=browser, system=system)
    return browser or system or gettext("Unknown device")
