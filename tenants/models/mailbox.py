"""Mailboxes and their addresses; the primary one is the reply address (reference §2)."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models.domain import AcceptedDomain
from tenants.models.suspension import Suspendable, SuspensionMode
from tenants.models.tenant import TenantOwned
from tenants.models.user import User


class Mailbox(Suspendable, TenantOwned):
    display_name = models.CharField(_("display name"), max_length=256)
    user = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="mailboxes", verbose_name=_("user")
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    quota = models.PositiveBigIntegerField(_("quota, bytes"), default=1024 * 1024 * 1024)
    # Raised and lowered by the mailbox store with each letter; read at RCPT.
    used_bytes = models.BigIntegerField(_("used, bytes"), default=0, editable=False)
    uid_next = models.BigIntegerField(default=1, editable=False)
    # A SCRAM-SHA-256 verifier (RFC 5803), never a password; empty means that nobody may log in over SMTP.
    verifier = models.CharField(max_length=256, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering = ["display_name", "id"]
        indexes = [
            models.Index(fields=["tenant", "display_name", "id"], name="mailbox_list"),
            models.Index(fields=["user"], name="mailbox_of_user"),
        ]

    @override
    def __str__(self) -> str:
        return self.display_name

    @property
    def primary_address(self) -> EmailAddress | None:
        """Return the reply address; uses the prefetched addresses where there are any."""
        return next((address for address in self.addresses.all() if address.is_primary), None)

    @property
    def puts_mail_off(self) -> bool:
        """Return whether senders hear 4xx while the mailbox is disabled; without a mode it is 5xx."""
        return self.suspension_mode == SuspensionMode.TEMPORARY

    @property
    def is_full(self) -> bool:
        return self.used_bytes >= self.quota


class EmailAddress(TenantOwned):
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="addresses", verbose_name=_("mailbox"))
    mailbox_id: UUID
    accepted_domain = models.ForeignKey(
        AcceptedDomain, on_delete=models.PROTECT, related_name="addresses", verbose_name=_("accepted domain")
    )
    accepted_domain_id: UUID
    # With match_subdomains an address may stand below the accepted domain; otherwise this equals it.
    domain = models.CharField(max_length=253, editable=False)
    local_part = models.CharField(_("local part"), max_length=64)
    local_key = models.CharField(max_length=128, editable=False, help_text=_("NFC, case folded."))
    is_primary = models.BooleanField(_("reply address"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("e-mail address")
        verbose_name_plural = _("e-mail addresses")
        ordering = ["-is_primary", "local_key"]
        constraints = [
            # The look-up at RCPT: by accepted domain and key, whatever the number of mailboxes.
            models.UniqueConstraint(fields=["accepted_domain", "domain", "local_key"], name="address_is_unique"),
            models.UniqueConstraint(
                fields=["mailbox"], condition=models.Q(is_primary=True), name="one_reply_address_per_mailbox"
            ),
        ]
        # A log-in names an address and no organisation.
        indexes = [models.Index(fields=["domain", "local_key"], name="address_log_in")]

    @override
    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


class AppPassword(TenantOwned):
    """A password of a mailbox for one mail program, made by us and shown once."""

    mailbox = models.ForeignKey(
        Mailbox, on_delete=models.CASCADE, related_name="app_passwords", verbose_name=_("mailbox"), db_index=False
    )
    mailbox_id: UUID
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=8, editable=False)
    # A SCRAM-SHA-256 verifier, as a mailbox's own.
    verifier = models.CharField(max_length=256, editable=False)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    # Written by the daemon every few seconds, for one app password once a minute at most.
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    last_used_address = models.GenericIPAddressField(_("last used from"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("app password")
        verbose_name_plural = _("app passwords")
        ordering = ["-id"]
        constraints = [
            # The look-up at AUTH: one verifier to check, whatever the number of app passwords.
            models.UniqueConstraint(
                fields=["mailbox", "prefix"], condition=models.Q(revoked_at__isnull=True), name="app_password_log_in"
            )
        ]
        indexes = [models.Index(fields=["mailbox", "-id"], name="app_password_list")]

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
