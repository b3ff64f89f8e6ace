"""Versions of configuration objects: how each looked after every change, so that it can be compared and reverted."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models.tenant import TenantOwned


class ConfigurationVersion(TenantOwned):
    """An object's whole settings after one change, without secrets; written with the change's audit event.

    The ids are UUIDv7 of `at`, so that a range of ids is a range of time.
    """

    object_type = models.CharField(_("kind of object"), max_length=64)
    object_id = models.UUIDField()
    object_name = models.CharField(_("object"), max_length=320)
    number = models.PositiveIntegerField(_("version"))  # from 1 for each object, without gaps
    at = models.DateTimeField(_("time"))
    actor_kind = models.CharField(_("kind of actor"), max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(_("actor"), max_length=320)
    action = models.CharField(_("action"), max_length=64)
    reverted_to = models.PositiveIntegerField(_("back to version"), null=True)
    picture = models.JSONField(null=True)  # none: the object was removed
    config_version = models.BigIntegerField()  # of the tenant, as this change made it
    event_id = models.UUIDField(null=True)  # the audit event; none where the state was found and not made

    class Meta:
        verbose_name = _("configuration version")
        verbose_name_plural = _("configuration versions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "object_type", "object_id", "number"], name="version_number_once_per_object"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="version_list"),
            # Housekeeping thins out what was changed often.
            models.Index(fields=["id"], condition=models.Q(number__gt=50), name="version_of_the_often_changed"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.object_name} {self.number}"
