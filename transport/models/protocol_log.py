"""The protocol log: what client and server said to each other, in pieces of a session (reference §4)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models import Tenant


class ProtocolTranscript(models.Model):
    """Consecutive lines of one session. Without a tenant: all of them, for operators alone.

    With one: a mail transaction of that tenant's, as far as it concerns it; other tenants' recipients are left out.
    `lines` holds for each line the milliseconds since the connection began, who spoke (C, S, or - for a remark), and
    the words; log-ins and message content never get there.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("tenant"),
    )
    session_id = models.UUIDField(_("session"))
    at = models.DateTimeField(_("connected"))
    connector_id = models.UUIDField(_("receive connector's id"))
    connector = models.CharField(_("receive connector"), max_length=64)
    client_address = models.GenericIPAddressField(_("client address"), null=True)
    listener = models.CharField(_("listener"), max_length=64)
    message_id = models.UUIDField(_("message"), null=True)
    lines = models.JSONField(_("lines"))
    left_out = models.PositiveIntegerField(_("lines left out"), default=0)

    class Meta:
        verbose_name = _("protocol log entry")
        verbose_name_plural = _("protocol log")
        ordering = ["-id"]
        indexes = [
            # The transcript beside a message's timeline, and a tenant's list of its latest.
            models.Index(fields=["tenant", "message_id"], name="protocol_log_message"),
            models.Index(fields=["tenant", "-id"], name="protocol_log_list"),
            models.Index(fields=["session_id"], name="protocol_log_session"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.client_address} {self.connector}"
