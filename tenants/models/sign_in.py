"""What signing in has to remember between requests: guesses that went wrong, and resets that were asked for."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7


class Guesses(models.Model):
    """How often somebody guessed wrong. The key is a digest: what was typed as a name may have been a password."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("guesses")
        verbose_name_plural = _("guesses")

    @override
    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.failures}"


class FailedSignIn(models.Model):
    """Somebody could not sign in: a row until a worker has told of it. Of who is unknown the id is made up."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user_id = models.UUIDField(_("log-in"))
    address = models.GenericIPAddressField(_("from"), null=True)
    way = models.CharField(_("way"), max_length=16)  # password | code
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("failed sign-in")
        verbose_name_plural = _("failed sign-ins")

    @override
    def __str__(self) -> str:
        return f"{self.user_id} {self.at}"


class PasswordResetRequest(models.Model):
    """Somebody asked for a new password for this address, which may be nobody's; a task answers, and removes it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.CharField(_("e-mail address"), max_length=320)
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("password reset request")
        verbose_name_plural = _("password reset requests")

    @override
    def __str__(self) -> str:
        return self.email
