"""What an operator does to many queues at once: a preview, its confirmation, and batches of the ordinary actions.

PostgreSQL holds how far it has come: a worker that dies in the middle leaves a batch to be done again, and no more.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.problems import Problem
from tenants.wakeups import wake_on_commit
from transport.actions.queue import empty_queue, resume_queue, retry_queue, suspend_queue
from transport.models import Queue, QueueOperation
from transport.queue.across import QueueFilter, figures

TASK: Final = "transport.bulk"
BATCH: Final = 50  # queues in one transaction
MESSAGES: Final = 1000  # recipients removed in one transaction
SMALL: Final = 1.0  # seconds that a confirmation waits for: what is done by then needs no worker
SLICE: Final = 3.0  # seconds of one task, then back of the line
VALID: Final = timedelta(minutes=15)
ABANDONED: Final = timedelta(seconds=30)

_Verb = QueueOperation.Verb
_State = QueueOperation.State
_ACTIONS: Final = {_Verb.RETRY: retry_queue, _Verb.SUSPEND: suspend_queue, _Verb.RESUME: resume_queue}


@transaction.atomic
def preview_operation(*, actor: Actor, verb: str, chosen: QueueFilter) -> QueueOperation:
    """Write down what a filter finds now, for somebody to look at. Nothing is done to it."""
    if verb not in _Verb.values:
        raise Problem("api.unknown_field", field="verb", name=verb)
    rows = figures(chosen)
    sums = rows.aggregate(messages=Sum("messages"))
    found = list(rows.order_by("next_hop_domain", "queue_id").values_list("queue_id", "tenant_id"))
    return QueueOperation.objects.create(
        verb=verb,
        filters=chosen.to_json(),
        queue_ids=[str(queue_id) for queue_id, _ in found],
        operator_id=UUID(actor.id),
        operator_name=actor.name,
        client_address=actor.client_address,
        queues=len(found),
        messages=sums["messages"] or 0,
        tenants=len({tenant_id for _, tenant_id in found}),
    )


@transaction.atomic
def confirm_operation(*, actor: Actor, operation: QueueOperation) -> QueueOperation:
    """Begin what was previewed, by whom it was previewed and while it is fresh. A small one is done at once."""
    row = QueueOperation.objects.select_for_update().get(pk=operation.pk)
    if row.state != _State.PREVIEW:
        return row  # the button was pressed twice
    if str(row.operator_id) != actor.id or timezone.now() - row.created_at > VALID:
        raise Problem("queue.preview_outdated")
    row.state, row.confirmed_at, row.touched_at = _State.RUNNING, timezone.now(), timezone.now()
    row.save(update_fields=["state", "confirmed_at", "touched_at"])
    work(row.pk, seconds=SMALL)
    row.refresh_from_db()
    if row.state == _State.RUNNING:
        wake_on_commit(TASK, str(row.pk))
    return row


def work(operation_id: UUID, seconds: float = SLICE) -> bool:
    """Go on with an operation for some seconds. Return whether something is left to do."""
    deadline = time.monotonic() + seconds
    while True:
        left = _batch(operation_id)
        if not left or time.monotonic() >= deadline:
            return left


def abandoned_operations() -> list[UUID]:
    """Return operations that nobody goes on with: a hint got lost, or a worker died."""
    old = timezone.now() - ABANDONED
    return list(QueueOperation.objects.filter(state=_State.RUNNING, touched_at__lt=old).values_list("pk", flat=True))


@transaction.atomic
def _batch(operation_id: UUID) -> bool:
    row = QueueOperation.objects.select_for_update(skip_locked=True).filter(pk=operation_id).first()
    if row is None or row.state != _State.RUNNING:
        return False
    actor = Actor("operator", str(row.operator_id), row.operator_name, row.client_address)
    ids = [UUID(text) for text in row.queue_ids[row.position : row.position + BATCH]]
    known = {queue.pk: queue for queue in Queue.objects.filter(pk__in=ids)}
    room = MESSAGES
    for queue_id in ids:
        queue = known.get(queue_id)
        if queue is None:
            row.skipped += 1  # it went by itself meanwhile
        elif row.verb in (_Verb.REMOVE, _Verb.REMOVE_WITH_NDR):
            room = _remove(row, actor, queue, room)
            if room <= 0:
                break
        else:
            _act(row, actor, queue)
        row.position += 1
    row.touched_at = timezone.now()
    if row.position >= len(row.queue_ids):
        row.state, row.finished_at = _State.DONE, timezone.now()
    row.save(update_fields=["position", "changed", "skipped", "removed", "touched_at", "state", "finished_at"])
    return row.state == _State.RUNNING


def _act(row: QueueOperation, actor: Actor, queue: Queue) -> None:
    if row.verb != _Verb.RETRY and queue.suspended == (row.verb == _Verb.SUSPEND):
        row.skipped += 1  # it is what it shall be
        return
    try:
        with transaction.atomic():
            _ACTIONS[_Verb(row.verb)](actor=actor, queue=queue)
    except Problem:
        row.skipped += 1  # suspended: nothing of it can be tried
    else:
        row.changed += 1


def _remove(row: QueueOperation, actor: Actor, queue: Queue, room: int) -> int:
    """Empty a queue as far as there is room in this batch. Return what room is left; 0 leaves the queue to the next."""
    removed = empty_queue(
        actor=actor,
        queue=queue,
        before=row.created_at,
        with_ndr=row.verb == _Verb.REMOVE_WITH_NDR,
        limit=room,
        operation=str(row.pk),
    )
    row.removed += removed
    if removed < room:
        row.changed += 1
    return room - removed
