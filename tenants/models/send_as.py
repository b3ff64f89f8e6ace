"""Who may send as whom: Exchange's Send As permission, from one mailbox to another of the same tenant."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models.mailbox import Mailbox
from tenants.models.tenant import TenantOwned


class SendAsGrant(TenantOwned):
    """The log-in of `grantee` may use the addresses of `mailbox`, in the envelope and in the From line."""

    mailbox = models.ForeignKey(
        Mailbox, on_delete=models.CASCADE, related_name="send_as_grants", verbose_name=_("mailbox"), db_index=False
    )
    mailbox_id: UUID
    grantee = models.ForeignKey(
        Mailbox, on_delete=models.CASCADE, related_name="may_send_as", verbose_name=_("may send as it")
    )
    grantee_id: UUID
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("send as grant")
        verbose_name_plural = _("send as grants")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "grantee"], name="send_as_once"),
            models.CheckConstraint(condition=~models.Q(mailbox=models.F("grantee")), name="send_as_another"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.grantee} as {self.mailbox}"
