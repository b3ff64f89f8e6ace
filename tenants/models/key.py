"""API keys: bearer tokens of one tenant or of the operator, kept as a digest."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models.tenant import Tenant
from tenants.models.user import Membership, User


class ApiKey(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, null=True, blank=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant")
    )
    is_operator = models.BooleanField(_("operator's key"), default=False, editable=False)
    name = models.CharField(_("name"), max_length=100)
    role = models.CharField(
        _("role"), max_length=16, choices=Membership.Role.choices, default=Membership.Role.OWNER, db_default="owner"
    )
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_operator=True, tenant__isnull=True)
                | models.Q(is_operator=False, tenant__isnull=False),
                name="api_key_is_a_tenants_or_the_operators",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "helpdesk", "auditor", "mailbox_user"]),
                name="api_key_role_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotentRequest(models.Model):
    """A POST that came with an Idempotency-Key, and its answer; housekeeping drops it after a day."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    token = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        constraints = [
            models.UniqueConstraint(
                fields=["api_key", "tenant", "token"], name="idempotency_token_once_per_key", nulls_distinct=False
            )
        ]

    @override
    def __str__(self) -> str:
        return self.token
