"""The message tracking log: append-only, with Exchange's event ids and sources (reference §6)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from transport.models.message import MachineOwned


class EventId(models.TextChoices):
    RECEIVE = "RECEIVE", _("received")
    SEND = "SEND", _("sent")
    DELIVER = "DELIVER", _("delivered to the mailbox")
    DEFER = "DEFER", _("delayed")
    FAIL = "FAIL", _("failed")
    DSN = "DSN", _("notice sent")
    RESUBMIT = "RESUBMIT", _("routed again")
    TRANSFER = "TRANSFER", _("handed to another organisation here")
    RESOLVE = "RESOLVE", _("address resolved")
    REDIRECT = "REDIRECT", _("redirected")
    SUPPRESSED = "SUPPRESSED", _("suppressed")
    DROP = "DROP", _("removed")
    REPORT = "REPORT", _("report received")
    POISONMESSAGE = "POISONMESSAGE", _("set aside as poison")


class Source(models.TextChoices):
    SMTP = "SMTP"
    STOREDRIVER = "STOREDRIVER"
    ROUTING = "ROUTING"
    DNS = "DNS"
    DSN = "DSN"
    QUEUE = "QUEUE"
    ADMIN = "ADMIN"
    RESOLVER = "RESOLVER"
    POISONMESSAGE = "POISONMESSAGE"


class TrackingEvent(MachineOwned):
    """Partitioned by day on its UUIDv7 key; roles may insert and read, nobody changes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("time"))
    event_id = models.TextField(_("event"), choices=EventId.choices)
    source = models.TextField(_("source"), choices=Source.choices)
    message_id = models.UUIDField(_("message"))  # the network message id
    internet_message_id = models.TextField(_("Message-ID"))
    sender = models.TextField(_("sender"))
    recipients = ArrayField(models.TextField(), verbose_name=_("recipients"))
    subject = models.TextField(_("subject"))
    size = models.BigIntegerField(_("size, bytes"))
    incoming = models.BooleanField(_("incoming"))
    client_address = models.GenericIPAddressField(_("client address"), null=True)
    server_endpoint = models.TextField(_("server"), default="")  # the next hop's name [address]:port
    connector = models.TextField(_("connector"), default="")
    code = models.PositiveSmallIntegerField(null=True)
    enhanced = models.TextField(default="")
    reply = models.TextField(_("reply"), default="")  # the peer's words, verbatim
    reason = models.TextField(_("reason"), default="")  # of the registry of reasons
    reference = models.TextField(default="")  # another message's id: a notice's original, a transfer's copy
    detail = models.JSONField(null=True)  # attempt: phase, TLS, milliseconds, next retry; routing: the trace

    class Meta:
        managed = False  # declared in SQL: Django knows no partitions
        db_table = "transport_trackingevent"
        verbose_name = _("tracking event")
        verbose_name_plural = _("tracking events")
        ordering = ["-id"]

    @override
    def __str__(self) -> str:
        return f"{self.event_id} {self.source}"
