"""Accepted domains: the names whose mail a tenant receives (reference §1)."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models.suspension import Suspendable
from tenants.models.tenant import TenantOwned


class AcceptedDomain(Suspendable, TenantOwned):
    class Type(models.TextChoices):
        AUTHORITATIVE = "authoritative", _("authoritative")
        INTERNAL_RELAY = "internal_relay", _("internal relay")
        EXTERNAL_RELAY = "external_relay", _("external relay")

    name = models.CharField(_("name"), max_length=64)
    domain = models.CharField(_("domain"), max_length=253, help_text=_("As an A-label, for example contoso.com."))
    type = models.CharField(_("type"), max_length=16, choices=Type.choices, default=Type.AUTHORITATIVE)
    is_default = models.BooleanField(_("default"), default=False)
    match_subdomains = models.BooleanField(_("accept subdomains too"), default=False)
    verification_token = models.CharField(max_length=64, editable=False)
    verified_at = models.DateTimeField(_("verified"), null=True, blank=True, editable=False)
    # The last look at public DNS: {"resolvable": bool, "records": [...]}; read by routing and the checklist.
    dns_findings = models.JSONField(default=dict, blank=True, editable=False)
    dns_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("accepted domain")
        verbose_name_plural = _("accepted domains")
        ordering = ["domain"]
        indexes = [
            # Asked for each claimed delivery: nearly empty.
            models.Index(fields=["tenant"], name="suspended_domains", condition=models.Q(suspended_at__isnull=False))
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "domain"], name="accepted_domain_once_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "name"], name="accepted_domain_name_once_per_tenant"),
            # The look-up of every recipient, and the promise that a verified name has one owner.
            models.UniqueConstraint(
                fields=["domain"], condition=models.Q(verified_at__isnull=False), name="verified_domain_has_one_owner"
            ),
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_default=True), name="one_default_domain_per_tenant"
            ),
            models.CheckConstraint(condition=models.Q(domain=Lower("domain")), name="accepted_domain_lower_case"),
            models.CheckConstraint(
                condition=models.Q(
                    domain__regex=r"^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
                ),
                name="accepted_domain_is_a_label",
            ),
            models.CheckConstraint(
                condition=models.Q(type__in=["authoritative", "internal_relay", "external_relay"]),
                name="accepted_domain_type_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.domain

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None

    @property
    def verification_record(self) -> tuple[str, str]:
        """Return the name and the text of the TXT record that proves ownership."""
        return f"_postroom.{self.domain}", f"postroom-verification={self.verification_token}"
