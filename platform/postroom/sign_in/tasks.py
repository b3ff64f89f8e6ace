"""What signing in leaves to workers: letters with a link to a new password, and forgetting what is old."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from allauth.usersessions.models import UserSession
from celery import shared_task
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext

from postroom.sign_in import FAILURES_TASK, RESETS_TASK
from postroom.sign_in.failures import report_failures
from postroom.sign_in.guard import FORGET_AFTER
from tenants.models import Guesses, PasswordResetRequest, User
from transport.actions.notify import send_notice

BATCH: Final = 50
TOO_LATE: Final = timedelta(hours=1)  # nobody waits for that letter any more


@shared_task(name=RESETS_TASK)
def send_password_resets() -> None:
    """Answer the resets that were asked for; an address that is nobody's gets nothing."""
    while _answer_some() == BATCH:
        pass


@transaction.atomic
def _answer_some() -> int:
    waiting = list(PasswordResetRequest.objects.select_for_update(skip_locked=True).order_by("id")[:BATCH])
    wanted = {row.email for row in waiting if row.asked_at > timezone.now() - TOO_LATE}
    for user in User.objects.filter(email__in=wanted, is_active=True):
        _write_to(user)
    PasswordResetRequest.objects.filter(pk__in=[row.pk for row in waiting]).delete()
    return len(waiting)


def _write_to(user: User) -> None:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    # These addresses alone: a worker has no use for the rest of the web.
    path = reverse("account_reset_password_from_key", urlconf="postroom.sign_in.urls", args=[uid, token])
    with translation.override(user.language):
        text = gettext(
            "Somebody, perhaps you, asked for a new password for {email} at Postroom.\n\n"
            "Set it here within {minutes} minutes:\n{link}\n\n"
            "If it was not you, do nothing: your password stays as it is.\n"
        )
        minutes = settings.PASSWORD_RESET_TIMEOUT // 60
        body = text.format(email=user.email, minutes=minutes, link=f"{settings.POSTROOM_PUBLIC_URL}{path}")
        send_notice(recipient=user.email, subject=gettext("Set a new password"), text=body)


@shared_task(name=FAILURES_TASK)
def report_failed_sign_ins() -> None:
    """Tell the audit log of sign-ins that failed."""
    report_failures()


@shared_task(name="tenants.forget_old_sign_ins")
def forget_old_sign_ins() -> None:
    """Remove what signing in has no more use for: old guesses, sessions that have run out."""
    now = timezone.now()
    Guesses.objects.filter(last_at__lt=now - FORGET_AFTER).delete()
    Session.objects.filter(expire_date__lt=now).delete()
    alive = Session.objects.values("session_key")
    UserSession.objects.filter(last_seen_at__lt=now - timedelta(days=1)).exclude(session_key__in=alive).delete()
