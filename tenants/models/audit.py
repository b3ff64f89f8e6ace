"""The audit log: who changed what, append-only in the database."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models.tenant import Tenant


class AuditEvent(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, null=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"), db_constraint=False
    )
    at = models.DateTimeField(_("time"), auto_now_add=True)
    actor_kind = models.CharField(_("kind of actor"), max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(_("actor"), max_length=320)
    client_address = models.GenericIPAddressField(_("from"), null=True)
    action = models.CharField(_("action"), max_length=64)
    object_type = models.CharField(_("kind of object"), max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(_("object"), max_length=320, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_list"),
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_of_object"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.action} {self.object_name}"
