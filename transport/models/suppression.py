"""Addresses that mail came back from: nobody writes to them for a while, unless somebody releases them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models import TenantOwned


class SuppressedAddress(TenantOwned):
    """Written by the mail flow (transport/queue/bounces.py); people read and release."""

    address = models.CharField(_("address"), max_length=320)  # as it was written to
    key = models.CharField(max_length=320, db_collation="C")  # as addresses are compared
    reason = models.CharField(_("reason"), max_length=64)  # of the registry of reasons
    status = models.CharField(_("status"), max_length=16)  # the report's enhanced status
    reply = models.TextField(_("reply"), blank=True, default="")  # the other side's words, verbatim
    reporting_mta = models.CharField(_("reported by"), max_length=255, blank=True, default="")
    message_id = models.UUIDField(_("message"))  # the one that came back last
    count = models.PositiveIntegerField(_("times"), default=1)
    first_seen_at = models.DateTimeField(_("since"))
    last_seen_at = models.DateTimeField(_("last"))
    expires_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        ordering = ["-last_seen_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="suppressed_once")]
        indexes = [
            models.Index(fields=["tenant", "-last_seen_at", "-id"], name="suppressed_list"),
            models.Index(fields=["expires_at"], name="suppressed_expiry"),
        ]

    @override
    def __str__(self) -> str:
        return self.address
