"""Send connectors: how mail leaves for which address spaces (reference §3)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models import TenantOwned


class SendConnector(TenantOwned):
    class Usage(models.TextChoices):
        INTERNET = "internet", _("Internet")
        INTERNAL = "internal", _("Internal")
        PARTNER = "partner", _("Partner")
        CUSTOM = "custom", _("Custom")

    class Routing(models.TextChoices):
        DNS = "dns", _("MX records of the recipient's domain")
        SMART_HOSTS = "smart_hosts", _("Smart hosts")

    class Auth(models.TextChoices):
        NONE = "none", _("none")
        BASIC = "basic", _("basic")
        BASIC_REQUIRE_TLS = "basic_require_tls", _("basic, only over TLS")

    class Tls(models.TextChoices):
        NONE = "none", _("never")
        OPPORTUNISTIC = "opportunistic", _("when the peer offers it")
        REQUIRED = "required", _("required")
        CERTIFICATE = "certificate_validation", _("required, with a valid certificate")
        DOMAIN = "domain_validation", _("required, with a valid certificate for a name")

    class Protocol(models.TextChoices):
        SMTP = "smtp", _("SMTP")
        LMTP = "lmtp", _("LMTP")

    name = models.CharField(_("name"), max_length=64)
    comment = models.CharField(_("comment"), max_length=255, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    usage = models.CharField(_("usage"), max_length=16, choices=Usage.choices, default=Usage.INTERNET)
    routing = models.CharField(_("delivery"), max_length=16, choices=Routing.choices, default=Routing.DNS)
    port = models.PositiveIntegerField(
        _("port"), default=25, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    fqdn = models.CharField(
        _("FQDN"), max_length=253, blank=True, help_text=_("The name we give in EHLO; empty: the platform's.")
    )
    source_address = models.GenericIPAddressField(_("source address"), null=True, blank=True)
    protocol = models.CharField(
        _("protocol"), max_length=8, choices=Protocol.choices, default=Protocol.SMTP, db_default=Protocol.SMTP
    )
    tls = models.CharField(_("TLS"), max_length=24, choices=Tls.choices, default=Tls.OPPORTUNISTIC)
    tls_domain = models.CharField(
        _("name in the certificate"),
        max_length=253,
        blank=True,
        default="",
        db_default="",
        help_text=_("For domain validation; empty: the smart host's, or by MX the recipient's domain."),
    )
    auth = models.CharField(_("authentication"), max_length=24, choices=Auth.choices, default=Auth.NONE)
    username = models.CharField(_("user name"), max_length=255, blank=True)
    password_encrypted = models.BinaryField(null=True, editable=False)
    max_message_size = models.PositiveBigIntegerField(
        _("message size at most, bytes"),
        null=True,
        blank=True,
        default=36 * 1024 * 1024,
        help_text=_("Empty: unlimited."),
    )
    # Exchange says 20; connecting costs more than 20 messages do, and receivers commonly take 100 in a row.
    max_messages_per_connection = models.PositiveIntegerField(_("messages per connection"), default=100)
    max_connections_per_host = models.PositiveSmallIntegerField(
        _("connections per host at most"), default=20, db_default=20
    )
    connect_timeout = models.DurationField(
        _("time-out of connecting"), default=timedelta(seconds=15), db_default=timedelta(seconds=15)
    )
    connection_inactivity_timeout = models.DurationField(_("inactivity time-out"), default=timedelta(minutes=10))
    error_policies = ArrayField(
        models.CharField(max_length=32),
        verbose_name=_("error policies"),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Such as “550 5.7.1 transient”, “4xx 4.2.x permanent”, “dns transient”."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("send connector")
        verbose_name_plural = _("send connectors")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="send_connector_name_once_per_tenant"),
            models.CheckConstraint(condition=models.Q(port__gte=1, port__lte=65535), name="send_connector_port_range"),
            models.CheckConstraint(
                condition=models.Q(routing__in=["dns", "smart_hosts"]), name="send_connector_routing_known"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    tls__in=["none", "opportunistic", "required", "certificate_validation", "domain_validation"]
                ),
                name="send_connector_tls_known",
            ),
            models.CheckConstraint(
                condition=models.Q(protocol__in=["smtp", "lmtp"]), name="send_connector_protocol_known"
            ),
            models.CheckConstraint(
                condition=models.Q(auth="none") | ~models.Q(username=""), name="send_connector_auth_has_user_name"
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class AddressSpace(TenantOwned):
    connector = models.ForeignKey(SendConnector, on_delete=models.CASCADE, related_name="address_spaces")
    connector_id: UUID
    type = models.CharField(max_length=16, default="SMTP", editable=False)
    pattern = models.CharField(_("address space"), max_length=255)
    cost = models.PositiveSmallIntegerField(
        _("cost"), default=1, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )

    class Meta:
        verbose_name = _("address space")
        verbose_name_plural = _("address spaces")
        ordering = ["pattern", "cost"]
        constraints = [
            models.UniqueConstraint(fields=["connector", "pattern"], name="address_space_once_per_connector"),
            models.CheckConstraint(condition=models.Q(cost__gte=1, cost__lte=100), name="address_space_cost_range"),
            # `*`, `contoso.com`, `*.contoso.com`; never `*contoso.com` (reference §3).
            models.CheckConstraint(
                condition=models.Q(
                    pattern__regex=r"^(\*|(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$"
                ),
                name="address_space_pattern_valid",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.type}:{self.pattern};{self.cost}"


class SmartHost(TenantOwned):
    connector = models.ForeignKey(SendConnector, on_delete=models.CASCADE, related_name="smart_hosts")
    connector_id: UUID
    position = models.PositiveSmallIntegerField(default=0)
    host = models.CharField(_("host"), max_length=253, help_text=_("A name, or an address in brackets or without."))
    port = models.PositiveIntegerField(
        _("port"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )

    class Meta:
        verbose_name = _("smart host")
        verbose_name_plural = _("smart hosts")
        ordering = ["position", "host"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(port__isnull=True) | models.Q(port__gte=1, port__lte=65535),
                name="smart_host_port_range",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host
