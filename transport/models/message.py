"""Messages in transport and their bytes. One message per recipient tenant, each with its own body (design §12.4)."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models import Tenant


class MachineOwned(models.Model):
    """A row that the mail flow writes by the thousand: tenant_id without a foreign key's check on each insert."""

    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("tenant"),
    )
    tenant_id: UUID

    class Meta:
        abstract = True


class Message(MachineOwned):
    """The id is Exchange's network message id: it survives bifurcation into queues."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sender = models.TextField(_("sender"), help_text=_("Envelope sender; empty for notices."))
    internet_message_id = models.TextField(_("Message-ID"), blank=True)
    from_header = models.TextField(_("from"), blank=True)
    subject = models.TextField(_("subject"), blank=True)
    size = models.BigIntegerField(_("size, bytes"))
    origin = models.TextField(_("origin"))  # transport.routing.envelope.Origin
    incoming = models.BooleanField(_("incoming"))
    client_address = models.GenericIPAddressField(_("client address"), null=True)
    client_name = models.TextField(_("client name"), blank=True)
    receive_connector = models.TextField(_("receive connector"), blank=True)
    mailbox_id = models.UUIDField(null=True)  # the sender's, where it was submitted
    is_8bit = models.BooleanField(default=False)
    smtputf8 = models.BooleanField(default=False)
    auto_submitted = models.BooleanField(default=False)
    # RFC 8689: to next hops alone that are encrypted, prove who they are, and promise the same.
    require_tls = models.BooleanField(_("requires TLS"), default=False, db_default=False)
    envid = models.TextField(blank=True)
    ret = models.TextField(blank=True)
    received_at = models.DateTimeField(_("received"))
    expires_at = models.DateTimeField(_("expires"))
    trace = models.JSONField(null=True)  # the routing decision as it was made at acceptance

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [models.Index(fields=["tenant", "-id"], name="message_list")]

    @override
    def __str__(self) -> str:
        return self.internet_message_id or str(self.id)


class MessageBody(MachineOwned):
    """The bytes as received plus our trace headers. Partitioned by day on its UUIDv7 key (design §12.15)."""

    id = models.UUIDField(primary_key=True, editable=False)  # the message's
    content = models.BinaryField()

    class Meta:
        managed = False  # declared in SQL: Django knows no partitions
        db_table = "transport_messagebody"
        verbose_name = _("message body")
        verbose_name_plural = _("message bodies")

    @override
    def __str__(self) -> str:
        return str(self.id)
