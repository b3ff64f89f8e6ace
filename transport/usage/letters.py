"""Letters to a tenant's owners and administrators before a limit is reached: one for each limit and day at most."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from tenants.models import Membership, Tenant, User
from transport.actions.notify import send_notice
from transport.models import LimitNotice
from transport.usage.meters import STANDING
from transport.usage.words import amount, consequence, label_of

# What stays used until somebody makes room is no news the next day.
AGAIN: Final = timedelta(days=1)
STANDING_AGAIN: Final = timedelta(days=7)
AT_ONCE: Final = 100
ROLES: Final = (Membership.Role.OWNER, Membership.Role.ADMIN)


def tell_of_limits(now: datetime | None = None) -> int:
    """Write the letters that are due, some at a time; return how many notices were dealt with."""
    moment = now or timezone.now()
    with transaction.atomic():
        due = LimitNotice.objects.select_for_update(skip_locked=True, of=("self",))
        rows = list(due.filter(letter=LimitNotice.Letter.DUE).select_related("tenant").order_by("began_at")[:AT_ONCE])
        for row in rows:
            _tell(row, moment)
    return len(rows)


def _tell(row: LimitNotice, now: datetime) -> None:
    if row.ended_at is not None or _was_told(row, now):
        row.letter = LimitNotice.Letter.SPARED
    else:
        for user in _administrators(row.tenant):
            with translation.override(user.language):
                send_notice(recipient=user.email, subject=_subject(row), text=_text(row))
        row.letter, row.told_at = LimitNotice.Letter.SENT, now
    row.save(update_fields=["letter", "told_at"])


def _was_told(row: LimitNotice, now: datetime) -> bool:
    told = LimitNotice.objects.filter(tenant_id=row.tenant_id, limit_name=row.limit_name)
    if told.filter(told_at__gt=now - AGAIN).exists():
        return True
    if row.limit_name not in STANDING:
        return False
    # That it is full now is news for those who read that it was nearly so.
    levels = [LimitNotice.Level.REACHED] if row.level == LimitNotice.Level.REACHED else LimitNotice.Level.values
    return told.filter(told_at__gt=now - STANDING_AGAIN, level__in=levels).exclude(pk=row.pk).exists()


def _administrators(tenant: Tenant) -> Iterable[User]:
    return User.objects.filter(memberships__tenant=tenant, memberships__role__in=ROLES, is_active=True).order_by(
        "email"
    )


def _subject(row: LimitNotice) -> str:
    facts = {"organisation": row.tenant.name, "limit": label_of(row.limit_name)}
    if row.level == LimitNotice.Level.REACHED:
        return _("{organisation} has reached a limit: {limit}").format(**facts)
    return _("{organisation} is near a limit: {limit}").format(**facts)


def _text(row: LimitNotice) -> str:
    used, allowed = amount(row.limit_name, row.used), amount(row.limit_name, row.allowed)
    first = _("{limit}: {used} of {allowed} are used.").format(
        limit=label_of(row.limit_name), used=used, allowed=allowed
    )
    return "\n\n".join(
        (
            first,
            consequence(row.limit_name),
            _(
                "“Usage and limits” in the console shows who uses how much. The operator of the platform can raise "
                "the limit."
            ),
        )
    )
