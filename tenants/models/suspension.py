"""What is known of a suspension, the same for everything that can be suspended: when, by whom, why, and how."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SuspensionMode(models.TextChoices):
    """What senders hear while mail is not taken in."""

    TEMPORARY = "temporary", _("put mail off: senders keep it and try again for some days")
    PERMANENT = "permanent", _("refuse mail: senders are told at once")


class Suspendable(models.Model):
    """Facts beside what the row says by itself (`status`, `enabled`, `is_active`); empty while nothing is suspended."""

    suspended_at = models.DateTimeField(_("suspended"), null=True, blank=True, editable=False)
    suspended_by = models.CharField(_("suspended by"), max_length=320, blank=True, default="", db_default="")
    suspension_reason = models.CharField(
        _("reason of the suspension"), max_length=500, blank=True, default="", db_default=""
    )
    suspension_mode = models.CharField(
        _("incoming mail meanwhile"),
        max_length=16,
        choices=SuspensionMode.choices,
        blank=True,
        default="",
        db_default="",
    )

    class Meta:
        abstract = True

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None
