"""The tenant: an organisation whose mail we run, with its limits and its retry settings."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models.plan import Plan
from tenants.models.suspension import Suspendable


class Tenant(Suspendable):
    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", _("suspended")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(_("slug"), max_length=63, unique=True)
    name = models.CharField(_("name"), max_length=200)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.ACTIVE)
    language = models.CharField(_("language"), max_length=8, default="en")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    # Raised in the transaction of every change that can alter a route (design §12.6).
    config_version = models.BigIntegerField(default=1, editable=False)

    # What an operator allows this tenant; empty: what its plan says (tenants/limits.py).
    plan = models.ForeignKey(
        Plan,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tenants",
        verbose_name=_("plan"),
        help_text=_("Empty: the default plan."),
    )
    plan_id: UUID | None
    max_domains = models.PositiveIntegerField(_("accepted domains at most"), null=True, blank=True)
    max_mailboxes = models.PositiveIntegerField(_("mailboxes at most"), null=True, blank=True)
    max_storage = models.PositiveBigIntegerField(_("storage in mailboxes at most, bytes"), null=True, blank=True)
    max_queued = models.PositiveIntegerField(_("recipients waiting to leave at most"), null=True, blank=True)
    max_message_size = models.PositiveBigIntegerField(_("message size at most, bytes"), null=True, blank=True)
    max_recipients_per_message = models.PositiveIntegerField(_("recipients per message at most"), null=True, blank=True)
    messages_per_hour = models.PositiveIntegerField(_("messages sent per hour"), null=True, blank=True)
    messages_per_day = models.PositiveIntegerField(_("messages sent per day"), null=True, blank=True)
    recipients_per_hour = models.PositiveIntegerField(_("recipients written to per hour"), null=True, blank=True)
    recipients_per_day = models.PositiveIntegerField(_("recipients written to per day"), null=True, blank=True)
    mailbox_messages_per_hour = models.PositiveIntegerField(_("messages per hour, each mailbox"), null=True, blank=True)
    mailbox_messages_per_day = models.PositiveIntegerField(_("messages per day, each mailbox"), null=True, blank=True)
    mailbox_recipients_per_hour = models.PositiveIntegerField(
        _("recipients per hour, each mailbox"), null=True, blank=True
    )
    mailbox_recipients_per_day = models.PositiveIntegerField(
        _("recipients per day, each mailbox"), null=True, blank=True
    )
    incoming_messages_per_hour = models.PositiveIntegerField(_("messages received per hour"), null=True, blank=True)
    incoming_messages_per_day = models.PositiveIntegerField(_("messages received per day"), null=True, blank=True)

    # Until then nothing of the tenant's mail expires: it was held, and gets the time back that it lost.
    expiry_paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    # A deletion that was asked for; from `deletion_started_at` on there is no way back.
    deletion_due_at = models.DateTimeField(_("to be deleted"), null=True, blank=True, editable=False)
    deletion_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    deletion_asked_by = models.CharField(max_length=320, blank=True, default="", db_default="", editable=False)
    deletion_by_operator = models.BooleanField(default=False, db_default=False, editable=False)
    deletion_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    deletion_counts = models.JSONField(null=True, blank=True, editable=False)  # what was removed so far, by table

    # Exchange's retry clock (reference §5): glitch 4 × 1 min, transient 6 × 5 min, then every 10 min.
    retry_schedule = models.CharField(_("retry schedule"), max_length=200, default="1m*4, 5m*6, 10m")
    message_expiration_timeout = models.DurationField(_("message expires after"), default=timedelta(days=2))
    delay_notification_timeout = models.DurationField(_("delay notice after"), default=timedelta(hours=4))
    require_second_factor = models.BooleanField(
        _("members must use a second factor"),
        default=False,
        help_text=_("Who has none is led to set one up before anything else."),
    )
    # The platform's own: it carries invitations and notices, and has no domains, mailboxes or members.
    is_platform = models.BooleanField(_("the platform's own"), default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"), name="tenant_slug_form"
            ),
            models.CheckConstraint(
                condition=models.Q(delay_notification_timeout__lt=models.F("message_expiration_timeout")),
                name="tenant_delay_notice_before_expiry",
            ),
            models.UniqueConstraint(
                fields=["is_platform"], condition=models.Q(is_platform=True), name="one_tenant_of_the_platform"
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def is_to_be_deleted(self) -> bool:
        return self.deletion_due_at is not None


class TenantOwned(models.Model):
    """A row that belongs to one tenant; every such table is guarded by row-level security (tenants/rls.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    tenant_id: UUID

    class Meta:
        abstract = True
