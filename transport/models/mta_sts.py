"""Policies of MTA-STS (RFC 8461) that other domains publish, kept for as long as each says."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class MtaStsPolicy(models.Model):
    """The platform's, not a tenant's: what a domain says holds for all. Written by the mail flow."""

    domain = models.CharField(_("domain"), max_length=255, primary_key=True)
    record_id = models.CharField(_("id of the record"), max_length=32, blank=True, default="")
    mode = models.CharField(_("mode"), max_length=8)
    mx = ArrayField(models.CharField(max_length=255), verbose_name=_("mail hosts"), default=list)
    max_age = models.PositiveIntegerField(_("holds for, seconds"))
    fetched_at = models.DateTimeField(_("fetched"))
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("MTA-STS policy")
        verbose_name_plural = _("MTA-STS policies")
        indexes = [models.Index(fields=["expires_at"], name="sts_policy_expiry")]

    @override
    def __str__(self) -> str:
        return f"{self.domain}: {self.mode}"
