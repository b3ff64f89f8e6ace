"""Receive connectors: the operator's listeners, and who of a tenant may relay through us (reference §4)."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models import Tenant


def any_address() -> list[str]:
    return ["0.0.0.0/0", "::/0"]


class ReceiveConnector(models.Model):
    """A virtual listener, keyed by (local binding, remote range); the most specific remote range wins.

    Without a tenant it is the operator's: it says where smtpd listens. With one it is a relay permission: it lets
    that tenant's machines relay, by their address once an operator has approved its ranges (design §12.14), or by
    a client certificate, or by a user name and a password of its own; as these senders, up to this size and rate.
    A binding is `address:port`, or `smtp`, `submission`, `submissions` for the platform's own ports.
    """

    class RateSource(models.TextChoices):
        NONE = "none", _("nobody")
        IP_ADDRESS = "ip_address", _("address")
        USER = "user", _("user")
        ALL = "all", _("address and user")

    class SizeMode(models.TextChoices):
        ENABLED = "enabled", _("with the limit")
        ENABLED_WITHOUT_VALUE = "enabled_without_value", _("without the limit")
        DISABLED = "disabled", _("not offered")

    class LoggingLevel(models.TextChoices):
        NONE = "none", _("none")
        VERBOSE = "verbose", _("verbose")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, null=True, blank=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant")
    )
    name = models.CharField(_("name"), max_length=64)
    comment = models.CharField(_("comment"), max_length=255, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    bindings = ArrayField(models.CharField(max_length=64), verbose_name=_("bindings"))
    remote_ranges = ArrayField(
        models.CharField(max_length=64), verbose_name=_("remote ranges"), default=any_address, blank=True
    )
    # A relay permission's: addresses and domains that it may send as; none: all on the tenant's verified domains.
    senders = ArrayField(
        models.CharField(max_length=320), verbose_name=_("senders"), default=list, db_default=[], blank=True
    )
    # A relay permission's own log-in; the name is unique on the platform, as SMTP has nothing else to go by.
    user_name = models.CharField(_("user name"), max_length=64, null=True, blank=True, unique=True, editable=False)
    verifier = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    # A relay permission's: SHA-256 of certificates or of public keys (RFC 7469 2.4), in hexadecimal.
    certificate_fingerprints = ArrayField(
        models.CharField(max_length=64),
        verbose_name=_("certificate fingerprints"),
        default=list,
        db_default=[],
        blank=True,
    )
    auth_mechanisms = ArrayField(
        models.CharField(max_length=32), verbose_name=_("authentication"), default=list, blank=True
    )
    permission_groups = ArrayField(
        models.CharField(max_length=32), verbose_name=_("permission groups"), default=list, blank=True
    )
    # Rights beyond those of the groups, by Exchange's names; only an operator grants them.
    permissions = ArrayField(
        models.CharField(max_length=48), verbose_name=_("further rights"), default=list, blank=True
    )
    approved_at = models.DateTimeField(_("ranges approved"), null=True, blank=True, editable=False)
    fqdn = models.CharField(_("FQDN"), max_length=253, blank=True)
    banner = models.CharField(_("banner"), max_length=200, blank=True)
    implicit_tls = models.BooleanField(_("TLS from the first byte"), default=False)
    require_tls = models.BooleanField(_("require TLS"), default=False)
    require_ehlo_domain = models.BooleanField(_("require a domain in EHLO"), default=False, db_default=False)
    eight_bit_mime_enabled = models.BooleanField(_("8BITMIME"), default=True, db_default=True)
    chunking_enabled = models.BooleanField(_("CHUNKING"), default=True, db_default=True)
    delivery_status_notification_enabled = models.BooleanField(_("DSN"), default=True, db_default=True)
    pipelining_enabled = models.BooleanField(_("PIPELINING"), default=True, db_default=True)
    enhanced_status_codes_enabled = models.BooleanField(_("ENHANCEDSTATUSCODES"), default=True, db_default=True)
    size_enabled = models.CharField(
        _("SIZE"), max_length=24, choices=SizeMode, default=SizeMode.ENABLED, db_default=SizeMode.ENABLED
    )
    max_message_size = models.PositiveBigIntegerField(_("message size at most, bytes"), default=36 * 1024 * 1024)
    max_header_size = models.PositiveIntegerField(_("header size at most, bytes"), default=128 * 1024)
    max_hop_count = models.PositiveSmallIntegerField(_("hops at most"), default=30)
    max_local_hop_count = models.PositiveSmallIntegerField(_("local hops at most"), default=8, db_default=8)
    max_recipients_per_message = models.PositiveIntegerField(_("recipients per message at most"), default=200)
    max_inbound_connections = models.PositiveIntegerField(_("connections at most"), default=5000)
    max_inbound_connections_per_source = models.PositiveIntegerField(_("connections per source at most"), default=20)
    max_inbound_connections_percentage_per_source = models.PositiveSmallIntegerField(
        _("share of the free connections per source at most, %"), default=2, db_default=2
    )
    max_protocol_errors = models.PositiveSmallIntegerField(_("protocol errors at most"), default=5)
    max_logon_failures = models.PositiveSmallIntegerField(_("log-on failures at most"), default=3)
    connection_timeout = models.DurationField(_("connection time-out"), default=timedelta(minutes=10))
    connection_inactivity_timeout = models.DurationField(_("inactivity time-out"), default=timedelta(minutes=5))
    tarpit_interval = models.DurationField(_("tarpit interval"), default=timedelta(seconds=5))
    # Messages a minute (Exchange's MessageRateLimit); without a number there is no limit.
    message_rate_limit = models.PositiveIntegerField(_("messages a minute at most"), null=True, blank=True)
    message_rate_source = models.CharField(
        _("messages are counted by"),
        max_length=16,
        choices=RateSource,
        default=RateSource.IP_ADDRESS,
        db_default=RateSource.IP_ADDRESS,
    )
    protocol_logging_level = models.CharField(
        _("protocol log"),
        max_length=16,
        choices=LoggingLevel,
        default=LoggingLevel.NONE,
        db_default=LoggingLevel.NONE,
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("receive connector")
        verbose_name_plural = _("receive connectors")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], name="receive_connector_name_once_per_tenant", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(connection_timeout__gt=models.F("connection_inactivity_timeout")),
                name="receive_connector_total_exceeds_idle",
            ),
            models.CheckConstraint(
                condition=models.Q(max_hop_count__gte=1, max_hop_count__lte=500), name="receive_connector_hops_range"
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name
