"""The audit log: who changed what, append-only in the database."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models.tenant import Tenant


def _lowered(column: str) -> models.GeneratedField:
    """Return a column that the database keeps in lower case: under row-level security only =, ranges and ^@ of
    a stored column use an index (design §12.8), and ^@ needs the collation "C"."""
    return models.GeneratedField(
        expression=Lower(column),
        output_field=models.CharField(max_length=640, db_collation="C"),
        db_persist=True,
    )


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
    # The version of the object that a revert went back to.
    reverted_to = models.PositiveIntegerField(null=True)
    # For searching: "accepted_domain" of "accepted_domain.change", and the names in lower case.
    noun = models.GeneratedField(
        expression=Func(F("action"), Value("."), Value(1), function="split_part"),
        output_field=models.CharField(max_length=64),
        db_persist=True,
    )
    object_key = _lowered("object_name")
    actor_key = _lowered("actor_name")

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_list"),
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_of_object"),
            # One for each filter of the list (tenants/audit_search.py).
            models.Index(fields=["tenant", "noun", "-id"], name="audit_by_noun"),
            models.Index(fields=["tenant", "actor_id", "-id"], name="audit_by_actor"),
            models.Index(fields=["tenant", "actor_key", "-id"], name="audit_by_actors_name"),
            models.Index(fields=["tenant", "object_key", "-id"], name="audit_by_objects_name"),
            models.Index(fields=["tenant", "client_address", "-id"], name="audit_by_address"),
            # An operator's search names no tenant.
            models.Index(fields=["object_key", "-id"], name="audit_all_by_objects_name"),
            models.Index(fields=["actor_key", "-id"], name="audit_all_by_actors_name"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.action} {self.object_name}"
