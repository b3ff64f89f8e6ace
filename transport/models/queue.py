"""Queues per tenant and next hop, and the deliveries in them: one row per recipient (reference §5)."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from transport.models.message import MachineOwned, Message

QUEUE_NAMESPACE = uuid.UUID("6f0b1a52-3d0e-5a8e-9f53-8f0c1c6a7e11")


def queue_id_for(
    tenant_id: uuid.UUID, delivery_type: str, next_hop_domain: str, connector_id: uuid.UUID | None
) -> uuid.UUID:
    """Return the id of the queue for Exchange's NextHopSolutionKey: the same key gives the same id everywhere."""
    return uuid.uuid5(QUEUE_NAMESPACE, f"{tenant_id}|{delivery_type}|{next_hop_domain}|{connector_id or ''}")


class DeliveryType(models.TextChoices):
    MAILBOX = "smtp_delivery_to_mailbox", _("mailbox")
    DNS_CONNECTOR = "dns_connector_delivery", _("MX")
    SMART_HOST_CONNECTOR = "smart_host_connector_delivery", _("smart host")
    UNREACHABLE = "unreachable", _("unreachable")


class LastError(models.Model):
    """What went wrong last: our class of error and the peer's own words, kept apart (invariant 6)."""

    last_error_code = models.PositiveSmallIntegerField(null=True)
    last_error_enhanced = models.CharField(max_length=16, blank=True, default="")
    last_error_text = models.TextField(_("last error"), blank=True, default="")  # Exchange's outer words
    last_error_reason = models.CharField(max_length=64, blank=True, default="")  # of the registry of reasons
    last_error_peer_text = models.TextField(blank=True, default="")  # the peer's reply, verbatim
    last_error_phase = models.CharField(max_length=16, blank=True, default="")
    last_error_endpoint = models.CharField(max_length=300, blank=True, default="")
    last_error_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Queue(MachineOwned, LastError):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        CONNECTING = "connecting", _("Connecting")
        READY = "ready", _("Ready")
        RETRY = "retry", _("Retry")
        SUSPENDED = "suspended", _("Suspended")

    id = models.UUIDField(primary_key=True, editable=False)
    delivery_type = models.CharField(_("delivery type"), max_length=32, choices=DeliveryType.choices)
    next_hop_domain = models.CharField(_("next hop domain"), max_length=512)
    connector_id = models.UUIDField(null=True)
    suspended = models.BooleanField(_("suspended"), default=False)
    retry_count = models.PositiveIntegerField(default=0)
    last_retry_at = models.DateTimeField(_("last retry"), null=True)
    next_retry_at = models.DateTimeField(_("next retry"), null=True)
    # While a worker holds the queue's connection; a lease like a delivery's.
    connecting_until = models.DateTimeField(null=True)
    connected_to = models.CharField(max_length=320, blank=True, default="", db_default="")  # name address:port
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        ordering = ["next_hop_domain", "id"]
        indexes = [models.Index(fields=["tenant", "next_hop_domain", "id"], name="queue_list")]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "delivery_type", "next_hop_domain", "connector_id"],
                name="one_queue_per_next_hop",
                nulls_distinct=False,
            )
        ]

    @override
    def __str__(self) -> str:
        return self.next_hop_domain


class Delivery(MachineOwned, LastError):
    """One recipient on its way. Finished ones leave the table: the tracking log has their story."""

    class State(models.TextChoices):
        READY = "ready", _("Ready")
        ACTIVE = "active", _("Active")
        RETRY = "retry", _("Retry")
        SUSPENDED = "suspended", _("Suspended")
        UNREACHABLE = "unreachable", _("Unreachable")
        HELD = "held", _("Held")
        POISON = "poison", _("Poison")

    class Pending(models.TextChoices):
        """What was asked for while the delivery was in flight: Exchange's PendingSuspend, PendingRemove.

        A removal with a notice always takes this way: the mail flow writes notices, not the tenant's session.
        """

        SUSPEND = "suspend", _("Pending suspend")
        REMOVE = "remove", _("Pending remove")
        REMOVE_WITH_NDR = "remove_with_ndr", _("Pending remove, with a notice")

    class Priority(models.IntegerChoices):
        """In the order in which a queue is worked off; low gets a share all the same."""

        NORMAL = 0, _("normal")
        LOW = 1, _("low")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.DO_NOTHING, db_constraint=False, related_name="deliveries")
    message_id: uuid.UUID
    queue = models.ForeignKey(
        Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="deliveries"
    )
    queue_id: uuid.UUID
    recipient = models.TextField(_("recipient"))
    original_recipient = models.TextField(blank=True, default="")  # ORCPT, or the address before it was resolved
    notify = models.CharField(max_length=32, blank=True, default="")
    mailbox_id = models.UUIDField(null=True)
    state = models.CharField(_("status"), max_length=16, choices=State.choices, default=State.READY)
    pending = models.CharField(max_length=16, choices=Pending.choices, blank=True, default="", db_default="")
    priority = models.SmallIntegerField(
        _("priority"), choices=Priority.choices, default=Priority.NORMAL, db_default=Priority.NORMAL
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    crashes = models.PositiveSmallIntegerField(default=0)  # leases that ran out: a worker died holding it
    config_version = models.BigIntegerField(default=0)  # of the configuration that routed it (design §12.6)
    created_at = models.DateTimeField(default=timezone.now)
    # While a suspension holds it: of which domain, mailbox or user, since when, and what it goes back to.
    held_by = models.UUIDField(null=True)
    held_at = models.DateTimeField(null=True)
    held_state = models.CharField(max_length=16, blank=True, default="", db_default="")
    expires_at = models.DateTimeField(_("expires"))
    delay_notice_at = models.DateTimeField(null=True)  # when the sender hears of the delay; null once told
    # The queue that an administrator redirected it to: while it is in that one, routing leaves it there.
    redirected_to = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            # The claim: what is due in this queue, of each priority.
            models.Index(
                fields=["queue", "priority", "next_attempt_at", "id"],
                name="delivery_due_by_priority",
                condition=models.Q(state__in=["ready", "retry"]),
            ),
            # The sweep: leases that ran out, expiries and notices.
            models.Index(fields=["lease_until"], name="delivery_leases", condition=models.Q(state="active")),
            models.Index(fields=["expires_at"], name="delivery_expiry"),
            models.Index(
                fields=["delay_notice_at"], name="delivery_notices", condition=models.Q(delay_notice_at__isnull=False)
            ),
            # Release after a suspension: nearly empty.
            models.Index(fields=["held_by", "id"], name="delivery_holds", condition=models.Q(held_by__isnull=False)),
            # Re-routing after a change of configuration.
            models.Index(
                fields=["tenant", "config_version"],
                name="delivery_unreachable",
                condition=models.Q(state="unreachable"),
            ),
            # The queue viewer: counts and messages of one queue.
            models.Index(fields=["tenant", "queue", "state", "id"], name="delivery_list"),
        ]

    @override
    def __str__(self) -> str:
        return self.recipient

    @property
    def is_redirected(self) -> bool:
        return self.redirected_to is not None and self.redirected_to == self.queue_id
