"""What is done to deliveries that wait, by whoever may: the rows alone, which the caller has locked and audits.

What is in flight is not snatched from its worker: suspending or removing it takes effect if this attempt fails.
Notices to senders are written by the mail flow, which is woken for it. Each function returns the rows that it moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from tenants.wakeups import wake_on_commit
from transport.models import Delivery, DeliveryType, EventId, Message, Queue, Source
from transport.tracking.events import Subject, TrackingRow, event, insert_events

_State = Delivery.State
_Pending = Delivery.Pending
ROUTE_AGAIN = "transport.route_again"


def retry(rows: Sequence[Delivery]) -> list[Delivery]:
    """Make these due now; what is unreachable is routed again."""
    due = with_state(rows, _State.READY, _State.RETRY)
    change(due, state=_State.READY, next_attempt_at=timezone.now())
    unreachable = with_state(rows, _State.UNREACHABLE)
    change(unreachable, config_version=0)
    Queue.objects.filter(pk__in={row.queue_id for row in due}).update(next_retry_at=None)
    route_again_on_commit(rows)
    return [*due, *unreachable]


def resubmit(rows: Sequence[Delivery]) -> list[Delivery]:
    """Route these again."""
    waiting = with_state(rows, _State.READY, _State.RETRY, _State.UNREACHABLE)
    change(waiting, config_version=0, next_attempt_at=timezone.now())
    Queue.objects.filter(pk__in={row.queue_id for row in waiting}).update(next_retry_at=None)
    route_again_on_commit(rows)
    return waiting


def suspend(rows: Sequence[Delivery]) -> list[Delivery]:
    waiting = with_state(rows, _State.READY, _State.RETRY, _State.UNREACHABLE, _State.HELD)
    change(waiting, state=_State.SUSPENDED)
    in_flight = [row for row in with_state(rows, _State.ACTIVE) if not row.pending]
    change(in_flight, pending=_Pending.SUSPEND)
    return [*waiting, *in_flight]


def resume(rows: Sequence[Delivery]) -> list[Delivery]:
    """Let those go on that were suspended, or set aside as poison."""
    rows = [row for row in rows if row.pending != _Pending.REMOVE_WITH_NDR]
    held = with_state(rows, _State.SUSPENDED, _State.POISON)
    unreachable = [row for row in held if row.queue.delivery_type == DeliveryType.UNREACHABLE]
    others = [row for row in held if row.queue.delivery_type != DeliveryType.UNREACHABLE]
    fresh = {"crashes": 0, "pending": "", "next_attempt_at": timezone.now()}
    change(others, state=_State.READY, **fresh)
    change(unreachable, state=_State.UNREACHABLE, config_version=0, **fresh)
    in_flight = [row for row in with_state(rows, _State.ACTIVE) if row.pending == _Pending.SUSPEND]
    change(in_flight, pending="")
    poison = with_state(held, _State.POISON)
    insert_events(
        [about(message, EventId.POISONMESSAGE, group, {"action": "resume"}) for message, group in by_message(poison)]
    )
    route_again_on_commit(rows)
    return [*held, *in_flight]


def remove(rows: Sequence[Delivery], *, with_ndr: bool) -> list[Delivery]:
    """Take these out, telling their senders or not."""
    in_flight = with_state(rows, _State.ACTIVE)
    waiting = [row for row in rows if row.state != _State.ACTIVE]
    at_once = {"expires_at": timezone.now() - timedelta(seconds=1)}
    if with_ndr:
        # The sweep gives up what has expired, and says why.
        change(in_flight, pending=_Pending.REMOVE_WITH_NDR, **at_once)
        change(waiting, state=_State.SUSPENDED, pending=_Pending.REMOVE_WITH_NDR, **at_once)
        wake_on_commit("transport.sweep")
    else:
        # Where no attempt comes of it, as its worker stops or dies, the sweep drops it.
        change(in_flight, pending=_Pending.REMOVE, **at_once)
        Delivery.objects.filter(pk__in=[row.pk for row in waiting]).delete()
        insert_events([about(one, EventId.DROP, group, None, "queue.removed") for one, group in by_message(waiting)])
    return list(rows)


def with_state(rows: Sequence[Delivery], *states: str) -> list[Delivery]:
    return [row for row in rows if row.state in states]


def change(rows: Sequence[Delivery], **changes: Any) -> None:
    if rows:
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(**changes)


def route_again_on_commit(rows: Iterable[Delivery | Queue]) -> None:
    """Wake whoever routes again, and delivers, what was marked for it."""
    for tenant_id in {row.tenant_id for row in rows}:
        wake_on_commit(ROUTE_AGAIN, str(tenant_id))
        wake_on_commit("transport.deliver")


def by_message(rows: Sequence[Delivery]) -> list[tuple[Message, list[Delivery]]]:
    groups: dict[UUID, list[Delivery]] = {}
    for row in rows:
        groups.setdefault(row.message_id, []).append(row)
    return [(group[0].message, group) for group in groups.values()]


def about(
    message: Message, event_id: EventId, rows: Sequence[Delivery], detail: dict[str, object] | None, reason: str = ""
) -> TrackingRow:
    """Return what the tracking log is told of an administrator's act upon these recipients of a message."""
    subject = Subject(
        message.pk,
        message.tenant_id,
        message.internet_message_id,
        message.sender,
        message.subject,
        message.size,
        message.incoming,
    )
    recipients = [row.recipient for row in rows]
    return event(subject, event_id, Source.ADMIN, recipients, reason=reason, detail=detail)
