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
    detail = models.JSONField(default=dict, db_default={})  # figures of the process, for /metrics

    class Meta:
        verbose_name = _("heart-beat")
        verbose_name_plural = _("heart-beats")

    @override
    def __str__(self) -> str:
        return self.process


class PressureChange(models.Model):
    """One process's back pressure on one resource went from one level to another; kept for 30 days."""

    class Level(models.IntegerChoices):
        NORMAL = 0, _("normal")
        MEDIUM = 1, _("medium")
        HIGH = 2, _("high")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    process = models.CharField(_("process"), max_length=128)
    at = models.DateTimeField(_("time"))
    resource = models.CharField(_("resource"), max_length=32)
    before = models.PositiveSmallIntegerField(_("before"), choices=Level.choices)
    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices)
    reading = models.FloatField(_("reading"))

    class Meta:
        verbose_name = _("change of back pressure")
        verbose_name_plural = _("changes of back pressure")
        ordering = ["-id"]

    @override
    def __str__(self) -> str:
        return f"{self.resource}: {self.get_level_display()}"


class Destination(models.Model):
    """What the workers learnt of one host that mail goes to: how many connections it gets at a time."""

    endpoint = models.CharField(_("address"), primary_key=True, max_length=64)  # address:port
    host = models.CharField(_("host"), max_length=255)
    connections = models.PositiveSmallIntegerField(_("connections at most"))
    reason = models.CharField(_("last reduced for"), max_length=64, blank=True, default="")
    reduced_at = models.DateTimeField(_("last reduced"), null=True)
    changed_at = models.DateTimeField(_("last changed"))

    class Meta:
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        ordering = ["connections", "host", "endpoint"]
        indexes = [models.Index(fields=["connections", "host", "endpoint"], name="destinations_by_connections")]

    @override
    def __str__(self) -> str:
        return f"{self.host} {self.endpoint}"


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
