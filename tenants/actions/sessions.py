"""Ending the sessions of a person who may sign in no more. What one ends of one's own is in postroom/sign_in/."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from tenants.models import User


@transaction.atomic
def end_sessions(*, user: User) -> int:
    """End all sessions of a person, in an operator's scope or without a tenant. Return how many. The caller audits.

    A locked log-in opens nothing in any case; this keeps its old sessions from opening again when it is unlocked.
    """
    rows = UserSession.objects.filter(user_id=user.pk)
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    return len(keys)
