"""What becomes of an account goes into the audit log and, by letter, to the person."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext

from tenants.access import memberships_of
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import User
from tenants.scope import operator_scope
from transport.actions.notify import send_notice


def record(
    *, user: User, action: str, address: str | None, before: dict[str, Any] | None = None, after: Any = None
) -> None:
    """Add an audit row about a person's own log-in: their organisation's where they have one, else the platform's.

    Somebody in several organisations is nobody's to watch: none of them learns what was done for another.
    """
    memberships = memberships_of(user)
    tenant = memberships[0].tenant_id if len(memberships) == 1 else None
    with operator_scope():  # `web` writes into one tenant's log only, and here is none
        audit(actor=Actor.user(user, address), tenant=tenant, action=action, obj=user, before=before, after=after)


def tell(*, user: User, subject: str, text: str, address: str | None) -> None:
    """Write to a person about their account, in the language that they chose. `subject` and `text` are untranslated."""
    with translation.override(user.language):
        when = timezone.now().strftime("%Y-%m-%d %H:%M UTC")
        closing = gettext("When: {when}\nFrom: {address}\n\nIf it was not you, tell your administrator at once.")
        body = f"{gettext(text)}\n\n{closing.format(when=when, address=address or '?')}\n"
        send_notice(recipient=user.email, subject=gettext(subject), text=body)


def address_of(request: HttpRequest) -> str | None:
    """Return the client's address as the web server saw it."""
    return request.META.get("REMOTE_ADDR") or None
