"""What tenants have used: deltas that accepting mail appends, their sums by hour and day, gauges, and notices."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models import Tenant, TenantOwned
from transport.models.message import MachineOwned


class Direction(models.TextChoices):
    SENT = "sent", _("sent")
    RECEIVED = "received", _("received")


class Period(models.TextChoices):
    HOUR = "hour", _("hour")
    DAY = "day", _("day")


class Counted(MachineOwned):
    """Numbers about one subject: a mailbox, or the tenant as a whole, whose own id stands there then."""

    id = models.BigAutoField(primary_key=True)
    subject_id = models.UUIDField()
    direction = models.CharField(max_length=8, choices=Direction.choices)
    messages = models.BigIntegerField(_("messages"))
    recipients = models.BigIntegerField(_("recipients"))
    size = models.BigIntegerField(_("size, bytes"))
    refused = models.BigIntegerField(_("put off"))

    class Meta:
        abstract = True


class UsageDelta(Counted):
    """What was added to a subject's numbers in one hour; rolled up into `Usage` every few seconds."""

    hour = models.DateTimeField()

    class Meta:
        verbose_name = _("usage delta")
        verbose_name_plural = _("usage deltas")
        indexes = [models.Index(fields=["subject_id", "direction", "hour"], name="usage_delta_of_subject")]

    @override
    def __str__(self) -> str:
        return f"{self.subject_id} {self.direction}"


class Usage(Counted):
    """A subject's numbers in one hour or one day, in UTC."""

    period = models.CharField(max_length=4, choices=Period.choices)
    start = models.DateTimeField()

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "direction", "period", "start", "subject_id"], name="usage_once_per_period"
            )
        ]
        indexes = [models.Index(fields=["start"], name="usage_age")]

    @override
    def __str__(self) -> str:
        return f"{self.subject_id} {self.direction} {self.start}"


class TenantLoad(models.Model):
    """What a tenant holds now, as it was counted last, and which of its limits it is nearest to."""

    tenant = models.OneToOneField(
        Tenant,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="load",
        verbose_name=_("tenant"),
    )
    tenant_id: UUID
    queued = models.BigIntegerField(_("waiting to leave"), default=0)
    storage = models.BigIntegerField(_("storage, bytes"), default=0)
    mailboxes = models.BigIntegerField(_("mailboxes"), default=0)
    domains = models.BigIntegerField(_("accepted domains"), default=0)
    nearest = models.CharField(_("nearest limit"), max_length=64, blank=True, default="")
    share = models.IntegerField(_("used, %"), default=0)

    class Meta:
        verbose_name = _("usage against limits")
        verbose_name_plural = _("usage against limits")
        ordering = ["-share", "tenant_id"]
        indexes = [models.Index(fields=["-share", "tenant"], name="load_by_share")]

    @override
    def __str__(self) -> str:
        return str(self.tenant_id)


class LimitNotice(TenantOwned):
    """A limit that is nearly or wholly used up, from when to when, and whether the administrators were written to."""

    class Level(models.TextChoices):
        NEAR = "near", _("nearly reached")
        REACHED = "reached", _("reached")

    class Letter(models.TextChoices):
        DUE = "due", _("due")
        SENT = "sent", _("sent")
        SPARED = "spared", _("not sent again so soon")

    limit_name = models.CharField(_("limit"), max_length=64)
    level = models.CharField(_("level"), max_length=8, choices=Level.choices)
    used = models.BigIntegerField(_("used"))
    allowed = models.BigIntegerField(_("allowed"))
    began_at = models.DateTimeField(_("since"))
    ended_at = models.DateTimeField(_("until"), null=True)
    letter = models.CharField(_("letter"), max_length=8, choices=Letter.choices, default=Letter.DUE, db_default="due")
    told_at = models.DateTimeField(_("told"), null=True)

    class Meta:
        verbose_name = _("notice of a limit")
        verbose_name_plural = _("notices of limits")
        ordering = ["-began_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "limit_name"], condition=models.Q(ended_at=None), name="one_notice_per_limit"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-began_at", "-id"], name="limit_notice_list"),
            models.Index(fields=["began_at"], name="limit_notice_due", condition=models.Q(letter="due")),
        ]

    @override
    def __str__(self) -> str:
        return self.limit_name
