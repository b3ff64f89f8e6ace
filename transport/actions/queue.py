"""What an administrator does to queues and to messages in them (Exchange's queue viewer, reference §5).

What is in flight is not snatched from its worker: suspending or removing it takes effect if this attempt fails.
Notices to senders are written by the mail flow, which is woken for it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.problems import Problem
from tenants.wakeups import wake_on_commit
from transport.actions.trying import is_tried
from transport.models import Delivery, DeliveryType, Message, Queue
from transport.queue import steering

# What one click moves; the rest of a longer queue follows by its own clock.
MOST_MOVED = 10_000

_State = Delivery.State
_Pending = Delivery.Pending


@transaction.atomic
def retry_queue(*, actor: Actor, queue: Queue) -> Queue:
    """Make everything in the queue due now. What is unreachable is routed again."""
    row = _locked(queue)
    if row.suspended:
        raise Problem("queue.not_actionable", next_hop_domain=row.next_hop_domain)
    if row.delivery_type == DeliveryType.UNREACHABLE:
        return resubmit_queue(actor=actor, queue=row)
    before = _queue_picture(row)
    row.next_retry_at = None
    row.save(update_fields=["next_retry_at"])
    _some(Delivery.objects.filter(queue=row, state=_State.RETRY)).update(next_attempt_at=timezone.now())
    audit(actor=actor, tenant=row.tenant_id, action="queue.retry", obj=row, before=before, after=_queue_picture(row))
    wake_on_commit("transport.deliver")
    return row


@transaction.atomic
def suspend_queue(*, actor: Actor, queue: Queue) -> Queue:
    """Hold a queue: nothing of it leaves until it is resumed; what is in flight ends as it will."""
    return _set_suspended(actor, queue, suspended=True)


@transaction.atomic
def resume_queue(*, actor: Actor, queue: Queue) -> Queue:
    """Let a queue go on, at once."""
    row = _set_suspended(actor, queue, suspended=False)
    wake_on_commit("transport.deliver")
    return row


@transaction.atomic
def resubmit_queue(*, actor: Actor, queue: Queue) -> Queue:
    """Route everything in the queue again, as Exchange's Retry-Queue -Resubmit; suspended messages stay."""
    row = _locked(queue)
    before = _queue_picture(row)
    waiting = Delivery.objects.filter(queue=row, state__in=[_State.READY, _State.RETRY, _State.UNREACHABLE])
    _some(waiting).update(config_version=0, next_attempt_at=timezone.now())
    Queue.objects.filter(pk=row.pk).update(next_retry_at=None)
    row.next_retry_at = None
    audit(actor=actor, tenant=row.tenant_id, action="queue.resubmit", obj=row, before=before, after=_queue_picture(row))
    steering.route_again_on_commit([row])
    return row


@transaction.atomic
def retry_message(*, actor: Actor, message: Message, queue: Queue | None = None) -> int:
    """Make a message due now, in one queue or in all. Return how many of its recipients that moves."""
    moved = steering.retry(_deliveries(message, queue))
    _audit_message(actor, message, "message.retry", queue)
    return len(moved)


@transaction.atomic
def suspend_message(*, actor: Actor, message: Message, queue: Queue | None = None) -> int:
    """Hold a message, in one queue or in all. Return how many of its recipients that holds, or will."""
    moved = steering.suspend(_deliveries(message, queue))
    _audit_message(actor, message, "message.suspend", queue)
    return len(moved)


@transaction.atomic
def resume_message(*, actor: Actor, message: Message, queue: Queue | None = None) -> int:
    """Let a message go on that was suspended, or set aside as poison. Return how many recipients that frees."""
    moved = steering.resume(_deliveries(message, queue))
    _audit_message(actor, message, "message.resume", queue)
    return len(moved)


@transaction.atomic
def remove_message(*, actor: Actor, message: Message, queue: Queue | None = None, with_ndr: bool) -> int:
    """Take a message out, in one queue or in all, telling its sender or not. Return how many recipients lose it."""
    moved = steering.remove(_deliveries(message, queue), with_ndr=with_ndr)
    _audit_message(actor, message, "message.remove", queue, with_ndr=with_ndr)
    return len(moved)


@transaction.atomic
def resubmit_message(*, actor: Actor, message: Message, queue: Queue | None = None) -> int:
    """Route a message again. Return how many of its recipients that concerns."""
    moved = steering.resubmit(_deliveries(message, queue))
    _audit_message(actor, message, "message.resubmit", queue)
    return len(moved)


@transaction.atomic
def empty_queue(
    *, actor: Actor, queue: Queue, before: datetime, with_ndr: bool, limit: int = MOST_MOVED, operation: str = ""
) -> int:
    """Take out what a queue held `before` a moment, `limit` recipients at most. Return how many that concerns.

    Those in flight are given up if this attempt fails. With a notice, the sweep takes them out and writes it.
    """
    rows = Delivery.objects.filter(tenant_id=queue.tenant_id, queue=queue, created_at__lt=before)
    rows = rows.exclude(pending__in=[_Pending.REMOVE, _Pending.REMOVE_WITH_NDR])
    found = list(rows.select_related("message").select_for_update(of=("self",)).order_by("id")[:limit])
    if not found:
        return 0
    steering.remove(found, with_ndr=with_ndr)
    after = {"removed": len(found), "with_ndr": with_ndr, "operation": operation}
    audit(actor=actor, tenant=queue.tenant_id, action="queue.empty", obj=queue, after=after)
    return len(found)


def hurry_queues_of(connector_id: UUID) -> None:
    """Make due what waits for a connector that was changed: its next try is the way to find out (invariant 7).

    Part of the connector's own action, which audits it. Suspended queues and messages stay as they are.
    """
    if is_tried():
        return
    rows = Queue.objects.filter(connector_id=connector_id, suspended=False)
    rows.filter(next_retry_at__isnull=False).update(next_retry_at=None)
    waiting = Delivery.objects.filter(queue__in=rows, state=_State.RETRY)
    _some(waiting).update(next_attempt_at=timezone.now())
    wake_on_commit("transport.deliver")


def _locked(queue: Queue) -> Queue:
    return Queue.objects.select_for_update().get(pk=queue.pk)


def _deliveries(message: Message, queue: Queue | None) -> list[Delivery]:
    """Lock a message's deliveries in the order of their ids, as everybody does."""
    rows = Delivery.objects.filter(tenant_id=message.tenant_id, message=message)
    rows = rows.filter(queue=queue) if queue is not None else rows
    return list(rows.select_related("queue", "message").select_for_update(of=("self",)).order_by("id"))


def _some(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return the oldest of these, locked in the order of their ids."""
    chosen = rows.order_by("id").select_for_update(skip_locked=True).values_list("pk", flat=True)[:MOST_MOVED]
    return Delivery.objects.filter(pk__in=list(chosen))


def _set_suspended(actor: Actor, queue: Queue, *, suspended: bool) -> Queue:
    row = _locked(queue)
    before = _queue_picture(row)
    if row.suspended != suspended:
        row.suspended = suspended
        row.save(update_fields=["suspended"])
    action = "queue.suspend" if suspended else "queue.resume"
    audit(actor=actor, tenant=row.tenant_id, action=action, obj=row, before=before, after=_queue_picture(row))
    return row


def _queue_picture(row: Queue) -> dict[str, object]:
    retry_at = row.next_retry_at.isoformat() if row.next_retry_at else None
    return {"suspended": row.suspended, "next_retry_at": retry_at, "retry_count": row.retry_count}


def _audit_message(actor: Actor, message: Message, action: str, queue: Queue | None, **facts: object) -> None:
    after = {"queue": queue.next_hop_domain if queue else None, **facts}
    audit(actor=actor, tenant=message.tenant_id, action=action, obj=message, after=after)
