"""Letting in somebody who has lost the second factor: an operator's act, after asking who it is."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db import transaction

from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.actions.sessions import end_sessions
from tenants.models import User


@transaction.atomic
def remove_second_factors(*, actor: Actor, user: User) -> int:
    """Remove a person's authenticator app, passkeys and recovery codes, in an operator's scope; all sessions end.

    Return how many there were. The password still is needed; where a second factor is a must, a new one comes first.
    """
    rows = Authenticator.objects.filter(user_id=user.pk)
    kinds = sorted(rows.values_list("type", flat=True))
    if not kinds:
        return 0
    rows.delete()
    end_sessions(user=user)
    audit(actor=actor, tenant=None, action="user.second_factors_remove", obj=user, before={"second_factors": kinds})
    return len(kinds)
