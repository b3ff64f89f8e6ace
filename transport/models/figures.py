"""Figures that are kept, not counted at each page view: of queues, and of mail in and out by the hour."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, Value
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import uuid7
from transport.models.message import MachineOwned
from transport.models.queue import DeliveryType

NAMES = r"<[^>]*>|\S*[0-9@]\S*|\S+\.[a-z]{2,}\S*"  # addresses, numbers and hosts in a peer's words
INCIDENT = Func(
    F("reason"),
    Func(F("peer_text"), Value(NAMES), Value("#"), Value("gi"), function="regexp_replace"),
    template="md5(%(expressions)s)",
    arg_joiner=" || ' ' || ",
)


class RollUp(models.Model):
    """How far a roll-up has come, when it last ran and what that took; its row is its lock."""

    name = models.CharField(primary_key=True, max_length=32)
    mark = models.UUIDField(null=True)  # the last tracking event that is counted
    at = models.DateTimeField(null=True)
    milliseconds = models.PositiveIntegerField(default=0)
    detail = models.JSONField(default=dict, db_default={})  # sums over all that was rolled up

    class Meta:
        verbose_name = _("roll-up")
        verbose_name_plural = _("roll-ups")

    @override
    def __str__(self) -> str:
        return self.name


class QueueFigures(MachineOwned):
    """What is in one queue, as it was a few seconds ago: written by transport/queue/figures.py alone."""

    class Status(models.TextChoices):
        """Exchange's status, and Unreachable by its own name."""

        ACTIVE = "active", _("Active")
        CONNECTING = "connecting", _("Connecting")
        READY = "ready", _("Ready")
        RETRY = "retry", _("Retry")
        SUSPENDED = "suspended", _("Suspended")
        UNREACHABLE = "unreachable", _("Unreachable")

    queue_id = models.UUIDField(primary_key=True, editable=False)
    delivery_type = models.CharField(_("delivery type"), max_length=32, choices=DeliveryType.choices)
    next_hop_domain = models.CharField(_("next hop domain"), max_length=512)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices)
    suspended = models.BooleanField(_("suspended"))  # the queue itself, not its messages
    messages = models.IntegerField(_("messages"))
    deliveries = models.IntegerField(_("recipients"))
    active = models.IntegerField()
    ready = models.IntegerField()
    retry = models.IntegerField()
    held = models.IntegerField()  # suspended, held or poison: somebody has to do something
    unreachable = models.IntegerField()
    low = models.IntegerField(default=0, db_default=0)  # recipients of low priority, in whatever state
    oldest_at = models.DateTimeField(_("oldest"), null=True)
    next_retry_at = models.DateTimeField(_("next retry"), null=True)
    reason = models.CharField(_("reason"), max_length=64, blank=True)
    endpoint = models.CharField(_("server"), max_length=300, blank=True)
    peer_text = models.TextField(blank=True)
    error_at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)  # when the first of the errors came that are one incident with the last
    # Errors with the same reason and the same words are one incident, whichever hosts and addresses those name.
    incident = models.GeneratedField(expression=INCIDENT, output_field=models.CharField(max_length=32), db_persist=True)

    class Meta:
        verbose_name = _("queue's figures")
        verbose_name_plural = _("queues' figures")
        indexes = [models.Index(fields=["tenant"], name="figures_of_tenant")]

    @override
    def __str__(self) -> str:
        return self.next_hop_domain


class TrafficCounts(models.Model):
    """Messages that came in, and recipients by what became of them, in one hour."""

    received = models.BigIntegerField(_("received from outside"), default=0)
    submitted = models.BigIntegerField(_("handed in by users"), default=0)
    sent = models.BigIntegerField(_("sent to other hosts"), default=0)
    delivered = models.BigIntegerField(_("delivered to mailboxes"), default=0)
    deferred = models.BigIntegerField(_("delayed"), default=0)
    failed = models.BigIntegerField(_("failed"), default=0)
    bytes_in = models.BigIntegerField(_("bytes in"), default=0)

    class Meta:
        abstract = True


class Traffic(MachineOwned, TrafficCounts):
    """A tenant's mail in one hour, summed up from the tracking log."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    hour = models.DateTimeField(_("hour"))

    class Meta:
        verbose_name = _("traffic")
        verbose_name_plural = _("traffic")
        ordering = ["-hour"]
        constraints = [models.UniqueConstraint(fields=["tenant", "hour"], name="traffic_once_per_hour")]
        # The overview: who sent most in the last day; housekeeping: what is old.
        indexes = [models.Index(fields=["hour"], name="traffic_by_hour")]

    @override
    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}"


class PlatformTraffic(TrafficCounts):
    """All tenants' mail in one hour: the overview adds up hundreds of rows, not millions."""

    hour = models.DateTimeField(_("hour"), primary_key=True)

    class Meta:
        verbose_name = _("platform's traffic")
        verbose_name_plural = _("platform's traffic")
        ordering = ["-hour"]

    @override
    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}"


class BulkOperation(MachineOwned):
    """What a tenant's people do to much of what waits at once: previewed, confirmed, done in batches, undone.

    What it hits is written down when the preview is made, queues or recipients of messages; and what it changed is,
    so that undoing it touches nothing else.
    """

    class Verb(models.TextChoices):
        RETRY = "retry", _("Retry now")
        RESUBMIT = "resubmit", _("Route again")
        SUSPEND = "suspend", _("Suspend")
        RESUME = "resume", _("Resume")
        REDIRECT = "redirect", _("Redirect")
        UNDO_REDIRECT = "undo_redirect", _("Take redirections back")
        REMOVE_WITH_NDR = "remove_with_ndr", _("Remove, and tell the senders")
        REMOVE = "remove", _("Remove, and tell nobody")

    class Over(models.TextChoices):
        QUEUES = "queues", _("queues")
        MESSAGES = "messages", _("messages")

    class State(models.TextChoices):
        PREVIEW = "preview", _("to be confirmed")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    verb = models.CharField(_("what"), max_length=16, choices=Verb.choices)
    over = models.CharField(_("on"), max_length=16, choices=Over.choices)
    filters = models.JSONField(_("filter"), default=dict)
    target = models.JSONField(_("where to"), default=dict)
    ids = models.JSONField(default=list)
    changed_ids = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.PREVIEW)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(_("by"), max_length=320)
    client_address = models.GenericIPAddressField(_("from"), null=True)
    created_at = models.DateTimeField(_("previewed"), auto_now_add=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    touched_at = models.DateTimeField(null=True)  # the last batch: one that nobody goes on with is taken up again
    queues = models.PositiveIntegerField(_("queues"), default=0)
    messages = models.PositiveIntegerField(_("messages"), default=0)
    has_more = models.BooleanField(default=False)  # the filter finds more than one operation takes
    total = models.PositiveIntegerField(default=0)  # of the ids: recipients, or queues
    position = models.PositiveIntegerField(default=0)  # how many of the ids are done
    changed = models.PositiveIntegerField(_("changed"), default=0)
    undoes_id = models.UUIDField(null=True)
    undone_by_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("bulk operation")
        verbose_name_plural = _("bulk operations")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="bulk_operations_of_tenant"),
            models.Index(fields=["touched_at"], name="running_bulk_operations", condition=models.Q(state="running")),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.get_verb_display()} ({self.get_state_display()})"

    @property
    def left(self) -> int:
        """Return what was not changed of what is done: it had gone, or was as wanted, or could not be moved."""
        return self.position - self.changed


class QueueOperation(models.Model):
    """What an operator does to many queues at once: previewed, confirmed as previewed, done in batches.

    The queues are written down when the preview is made: what is confirmed is what was seen, not what a filter finds
    a minute later. Mail that came after the preview is not removed.
    """

    class Verb(models.TextChoices):
        RETRY = "retry", _("Retry now")
        SUSPEND = "suspend", _("Suspend")
        RESUME = "resume", _("Resume")
        REMOVE_WITH_NDR = "remove_with_ndr", _("Remove all messages, and tell the senders")
        REMOVE = "remove", _("Remove all messages, and tell nobody")

    class State(models.TextChoices):
        PREVIEW = "preview", _("to be confirmed")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    verb = models.CharField(_("what"), max_length=16, choices=Verb.choices)
    filters = models.JSONField(_("filter"), default=dict)
    queue_ids = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.PREVIEW)
    operator_id = models.UUIDField()
    operator_name = models.CharField(_("operator"), max_length=320)
    client_address = models.GenericIPAddressField(_("from"), null=True)
    created_at = models.DateTimeField(_("previewed"), auto_now_add=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    touched_at = models.DateTimeField(null=True)  # the last batch: one that nobody goes on with is taken up again
    queues = models.PositiveIntegerField(_("queues"), default=0)
    messages = models.PositiveBigIntegerField(_("messages"), default=0)
    tenants = models.PositiveIntegerField(_("tenants"), default=0)
    position = models.PositiveIntegerField(default=0)  # how many of queue_ids are done
    changed = models.PositiveIntegerField(_("queues changed"), default=0)
    skipped = models.PositiveIntegerField(_("queues left alone"), default=0)
    removed = models.PositiveBigIntegerField(_("recipients removed"), default=0)

    class Meta:
        verbose_name = _("queue operation")
        verbose_name_plural = _("queue operations")
        ordering = ["-id"]
        indexes = [models.Index(fields=["touched_at"], name="running_operations", condition=models.Q(state="running"))]

    @override
    def __str__(self) -> str:
        return f"{self.get_verb_display()} ({self.get_state_display()})"
