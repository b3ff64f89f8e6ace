"""Sign-ins that failed, for the audit log: noted alike for who is known and who is not, told by a worker.

So nobody learns from our haste whether an account exists, and a name that is nobody's, which may be a password typed
into the wrong field, is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Count, Max
from django.db.models.functions import TruncHour
from django.utils import timezone

from postroom.sign_in import FAILURES_TASK, guard
from tenants.access import memberships_of
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import FailedSignIn, User
from tenants.scope import operator_scope
from tenants.wakeups import wake_on_commit

BATCH: Final = 500


def note_failure(account: str, address: str | None, way: str) -> None:
    """Remember that somebody could not sign in with this address, by `password` or by `code`."""
    known: UUID | None = User.objects.filter(email=account).values_list("pk", flat=True).first()
    FailedSignIn.objects.create(user_id=known or uuid4(), address=address, way=way)
    wake_on_commit(FAILURES_TASK)


@transaction.atomic
def report_failures(now: datetime | None = None) -> int:
    """Put failures into the audit log: of each account, address and hour the first at once, the rest after the hour."""
    moment = now or timezone.now()
    groups = list(
        FailedSignIn.objects.annotate(hour=TruncHour("at"))
        .values("user_id", "address", "way", "hour")
        .annotate(count=Count("id"), last=Max("at"))
        .order_by("last")[:BATCH]
    )
    people = User.objects.in_bulk({group["user_id"] for group in groups})
    for group in groups:
        user = people.get(group["user_id"])
        if user is None or _is_due(group, moment):
            _report(group, user)
    return len(groups)


def _is_due(group: Mapping[str, Any], now: datetime) -> bool:
    if group["hour"] + timedelta(hours=1) <= now:
        return True
    parts = (str(group["user_id"]), group["address"] or "", group["way"], group["hour"].isoformat())
    return guard.first_use("failed-sign-in", *parts, now=now)


def _report(group: Mapping[str, Any], user: User | None) -> None:
    facts = {name: group[name] for name in ("user_id", "address", "way")}
    rows = FailedSignIn.objects.filter(**facts, at__lte=group["last"], at__gte=group["hour"])
    count, _ = rows.delete()
    if user is None or not count:
        return
    # As with the rest of a person's log-in: who belongs to several organisations is nobody's to watch.
    memberships = memberships_of(user)
    tenant = memberships[0].tenant_id if len(memberships) == 1 else None
    actor = Actor("system", "", "Postroom", group["address"])
    after = {"failures": count, "way": group["way"]}
    with operator_scope():
        audit(actor=actor, tenant=tenant, action="user.sign_in_failed", obj=user, after=after)
