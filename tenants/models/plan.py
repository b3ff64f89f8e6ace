"""Plans: sets of limits that operators make and give to tenants (tenants/limits.py)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7


class Plan(models.Model):
    """What a tenant may use, unless an operator says otherwise for that tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=64, unique=True)
    description = models.TextField(_("description"), blank=True, default="", max_length=1000)
    is_default = models.BooleanField(
        _("default"), default=False, help_text=_("For tenants that have been given no other plan.")
    )
    # Raised with every change, so that listeners notice one that they were not told of (design §12.6).
    version = models.BigIntegerField(default=1, editable=False)

    weight = models.PositiveSmallIntegerField(
        _("share of the workers"),
        default=1,
        db_default=1,
        help_text=_("While tenants wait for the workers, one with 3 has three next hops served for each one of 1."),
    )
    max_domains = models.PositiveBigIntegerField(_("accepted domains"), default=100)
    max_mailboxes = models.PositiveBigIntegerField(_("mailboxes"), default=10_000)
    max_storage = models.PositiveBigIntegerField(_("storage in mailboxes, bytes"), default=1024**4)
    max_queued = models.PositiveBigIntegerField(_("recipients waiting to leave"), default=200_000)
    max_message_size = models.PositiveBigIntegerField(_("message size, bytes"), default=36 * 1024**2)
    max_recipients_per_message = models.PositiveBigIntegerField(_("recipients per message"), default=500)
    messages_per_hour = models.PositiveBigIntegerField(_("messages sent per hour"), default=50_000)
    messages_per_day = models.PositiveBigIntegerField(_("messages sent per day"), default=400_000)
    recipients_per_hour = models.PositiveBigIntegerField(_("recipients written to per hour"), default=100_000)
    recipients_per_day = models.PositiveBigIntegerField(_("recipients written to per day"), default=800_000)
    mailbox_messages_per_hour = models.PositiveBigIntegerField(_("messages per hour, each mailbox"), default=2_000)
    mailbox_messages_per_day = models.PositiveBigIntegerField(_("messages per day, each mailbox"), default=10_000)
    mailbox_recipients_per_hour = models.PositiveBigIntegerField(_("recipients per hour, each mailbox"), default=5_000)
    mailbox_recipients_per_day = models.PositiveBigIntegerField(_("recipients per day, each mailbox"), default=25_000)
    incoming_messages_per_hour = models.PositiveBigIntegerField(_("messages received per hour"), default=200_000)
    incoming_messages_per_day = models.PositiveBigIntegerField(_("messages received per day"), default=2_000_000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_plan"
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name
