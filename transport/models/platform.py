"""What the platform notes about itself: heart-beats of its processes, and recipients that it refused."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7


class Heartbeat(models.Model):
    """The last sign of life of one process; `/readyz` asks for it."""

    process = models.CharField(primary_key=True, max_length=128)  # kind/host/pid
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("heart-beat")
        verbose_name_plural = _("heart-beats")

    @override
    def __str__(self) -> str:
        return self.process


class RelayRefusal(models.Model):
    """`550 5.7.1 Unable to relay`, counted per domain: append-only deltas that smtpd writes every few seconds.

    No tenant owns it; a tenant sees a domain's refusals only through `relay_refusals_for()` (design §12.12).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    domain = models.CharField(_("domain"), max_length=255)
    count = models.PositiveIntegerField(_("refused"))
    at = models.DateTimeField(_("time"))
    sender = models.TextField(_("last sender"))
    recipient = models.TextField(_("last recipient"))
    client_address = models.GenericIPAddressField(_("last client"), null=True)

    class Meta:
        verbose_name = _("refused relay")
        verbose_name_plural = _("refused relays")
        indexes = [models.Index(fields=["domain", "-at"], name="refusals_of_domain")]

    @override
    def __str__(self) -> str:
        return self.domain
