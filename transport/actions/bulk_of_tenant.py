"""What a tenant's people do to much of what waits at once: a preview, its confirmation, batches, and the way back.

PostgreSQL holds how far it has come: a worker that dies in the middle leaves a batch to be done again, and no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.problems import Problem
from tenants.wakeups import wake_on_commit
from transport.actions.queue import resume_queue, retry_queue, suspend_queue
from transport.actions.redirect import Target, find_target, redirect_deliveries, undo_redirect_of_deliveries
from transport.models import BulkOperation, Delivery, Queue
from transport.queue import steering
from transport.queue.filters import MessageFilters, QueueFilters
from transport.queue.listing import list_queues

TASK: Final = "transport.bulk_of_tenant"
MOST: Final = 10_000  # recipients, or queues, of one operation
QUEUES: Final = 50  # of one batch
RECIPIENTS: Final = 500
SMALL: Final = 1.0  # seconds that a confirmation waits for: what is done by then needs no worker
SLICE: Final = 3.0  # seconds of one task, then back of the line
VALID: Final = timedelta(minutes=15)
ABANDONED: Final = timedelta(seconds=30)

_Verb = BulkOperation.Verb
_Over = BulkOperation.Over
_State = BulkOperation.State
# What a queue does as a whole, later mail included; all else is done to the recipients in it.
OF_QUEUES: Final = {_Verb.RETRY: retry_queue, _Verb.SUSPEND: suspend_queue, _Verb.RESUME: resume_queue}
INVERSE: Final = {_Verb.SUSPEND: _Verb.RESUME, _Verb.RESUME: _Verb.SUSPEND, _Verb.REDIRECT: _Verb.UNDO_REDIRECT}
_OF_ROWS: Final[Mapping[str, Callable[[Sequence[Delivery]], list[Delivery]]]] = {
    _Verb.RETRY: steering.retry,
    _Verb.RESUBMIT: steering.resubmit,
    _Verb.SUSPEND: steering.suspend,
    _Verb.RESUME: steering.resume,
    _Verb.REMOVE: lambda rows: steering.remove(rows, with_ndr=False),
    _Verb.REMOVE_WITH_NDR: lambda rows: steering.remove(rows, with_ndr=True),
}


@transaction.atomic
def preview_operation(
    *,
    actor: Actor,
    tenant_id: UUID,
    verb: str,
    filters: QueueFilters | MessageFilters,
    chosen: Sequence[tuple[UUID, UUID]] | None = None,
    target: Target | None = None,
) -> BulkOperation:
    """Write down what a filter finds now, for somebody to look at. Nothing is done to it.

    `chosen` are messages with the queues that they wait in: of what the filter finds, these alone.
    """
    if verb not in _Verb.values:
        raise Problem("api.unknown_field", field="verb", name=verb)
    if (verb == _Verb.REDIRECT) != (target is not None):
        raise Problem("queue.redirect_target", field="smart_host")
    row = BulkOperation(
        tenant_id=tenant_id,
        verb=verb,
        filters=filters.to_json(),
        target=target.to_json() if target else {},
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        client_address=actor.client_address,
    )
    if isinstance(filters, QueueFilters):
        _write_queues(row, filters)
    else:
        _write_recipients(row, _chosen(filters, tenant_id, chosen))
    row.total = len(row.ids)
    row.save(force_insert=True)
    return row


@transaction.atomic
def confirm_operation(*, actor: Actor, operation: BulkOperation) -> BulkOperation:
    """Begin what was previewed, by whom it was previewed and while it is fresh. A small one is done at once."""
    row = BulkOperation.objects.select_for_update().get(pk=operation.pk)
    if row.state != _State.PREVIEW:
        return row  # the button was pressed twice
    is_mine = (row.actor_kind, row.actor_id) == (actor.kind, actor.id)
    if not is_mine or timezone.now() - row.created_at > VALID:
        raise Problem("queue.preview_outdated")
    return _begin(actor, row)


@transaction.atomic
def undo_operation(*, actor: Actor, operation: BulkOperation) -> BulkOperation:
    """Do the contrary to what an operation changed, as far as it still waits. Return the operation that does it."""
    row = BulkOperation.objects.select_for_update().get(pk=operation.pk)
    if row.state != _State.DONE or row.undone_by_id or not is_undoable(row):
        raise Problem("queue.cannot_undo")
    back = BulkOperation.objects.create(
        tenant_id=row.tenant_id,
        verb=INVERSE[_Verb(row.verb)],
        over=row.over,
        ids=row.changed_ids,
        total=len(row.changed_ids),
        queues=row.queues,
        messages=row.messages,
        undoes_id=row.pk,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        client_address=actor.client_address,
    )
    row.undone_by_id = back.pk
    row.save(update_fields=["undone_by_id"])
    return _begin(actor, back)


def is_undoable(row: BulkOperation) -> bool:
    """Return whether what it changed can be changed back; the way back itself cannot."""
    return row.verb in INVERSE and row.changed > 0 and row.undoes_id is None


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
    return list(BulkOperation.objects.filter(state=_State.RUNNING, touched_at__lt=old).values_list("pk", flat=True))


def _begin(actor: Actor, row: BulkOperation) -> BulkOperation:
    row.state, row.confirmed_at, row.touched_at = _State.RUNNING, timezone.now(), timezone.now()
    row.save(update_fields=["state", "confirmed_at", "touched_at"])
    after = {
        "verb": row.verb,
        "over": row.over,
        "filters": row.filters,
        "target": row.target,
        "queues": row.queues,
        "messages": row.messages,
        "undoes": str(row.undoes_id) if row.undoes_id else None,
    }
    audit(actor=actor, tenant=row.tenant_id, action="bulk_operation.begin", obj=row, after=after)
    work(row.pk, seconds=SMALL)
    row.refresh_from_db()
    if row.state == _State.RUNNING:
        wake_on_commit(TASK, str(row.pk))
    return row


def _write_queues(row: BulkOperation, filters: QueueFilters) -> None:
    """Write down the queues, or, for what no queue does as a whole, the recipients in them."""
    found = list_queues(row.tenant_id, filters=filters, limit=MOST + 1)
    row.has_more = len(found) > MOST
    ids = [queue.id for queue in found[:MOST]]
    if row.verb not in OF_QUEUES:
        _write_recipients(row, Delivery.objects.filter(tenant_id=row.tenant_id, queue__in=ids))
        return
    row.over, row.ids, row.queues = _Over.QUEUES, [str(pk) for pk in ids], len(ids)
    row.messages = sum(queue.message_count for queue in found[:MOST])


def _write_recipients(row: BulkOperation, rows: Any) -> None:
    found = list(rows.order_by("id").values_list("id", "message_id", "queue_id")[: MOST + 1])
    row.has_more = row.has_more or len(found) > MOST
    found = found[:MOST]
    row.over, row.ids = _Over.MESSAGES, [str(pk) for pk, _, _ in found]
    row.messages = len({message_id for _, message_id, _ in found})
    row.queues = len({queue_id for _, _, queue_id in found})


def _chosen(filters: MessageFilters, tenant_id: UUID, chosen: Sequence[tuple[UUID, UUID]] | None) -> Any:
    rows = filters.matching(tenant_id)
    if chosen is None:
        return rows
    keys = set(chosen)
    some = rows.filter(message_id__in={key[0] for key in keys}).values_list("id", "message_id", "queue_id")
    wanted = [pk for pk, message_id, queue_id in some if (message_id, queue_id) in keys]
    return Delivery.objects.filter(tenant_id=tenant_id, pk__in=wanted)


@transaction.atomic
def _batch(operation_id: UUID) -> bool:
    row = BulkOperation.objects.select_for_update(skip_locked=True).filter(pk=operation_id).first()
    if row is None or row.state != _State.RUNNING:
        return False
    actor = Actor(row.actor_kind, row.actor_id, row.actor_name, row.client_address)
    size = QUEUES if row.over == _Over.QUEUES else RECIPIENTS
    ids = [UUID(text) for text in row.ids[row.position : row.position + size]]
    changed = _on_queues(row, actor, ids) if row.over == _Over.QUEUES else _on_recipients(row, actor, ids)
    row.changed_ids = [*row.changed_ids, *(str(pk) for pk in changed)]
    row.changed = len(row.changed_ids)
    row.position += len(ids)
    row.touched_at = timezone.now()
    if row.position >= row.total:
        row.state, row.finished_at = _State.DONE, timezone.now()
        after = {"changed": row.changed, "left": row.left}
        audit(actor=actor, tenant=row.tenant_id, action="bulk_operation.end", obj=row, after=after)
    row.save(update_fields=["position", "changed", "changed_ids", "touched_at", "state", "finished_at"])
    return row.state == _State.RUNNING


def _on_queues(row: BulkOperation, actor: Actor, ids: Sequence[UUID]) -> list[UUID]:
    """Do it to queues by their own action, which audits each; one that is as wanted is left alone."""
    verb = _Verb(row.verb)
    changed = []
    for queue in Queue.objects.filter(tenant_id=row.tenant_id, pk__in=ids).order_by("id"):
        if verb != _Verb.RETRY and queue.suspended == (verb == _Verb.SUSPEND):
            continue
        try:
            with transaction.atomic():
                OF_QUEUES[verb](actor=actor, queue=queue)
        except Problem:
            continue  # suspended: nothing of it can be tried
        changed.append(queue.pk)
    return changed


def _on_recipients(row: BulkOperation, actor: Actor, ids: Sequence[UUID]) -> list[UUID]:
    if row.verb == _Verb.REDIRECT:
        return _redirect(row, actor, ids)
    if row.verb == _Verb.UNDO_REDIRECT:
        return undo_redirect_of_deliveries(actor=actor, tenant_id=row.tenant_id, ids=ids)
    rows = Delivery.objects.filter(tenant_id=row.tenant_id, pk__in=ids).select_related("queue", "message")
    locked = list(rows.select_for_update(of=("self",)).order_by("id"))
    if row.verb in (_Verb.REMOVE, _Verb.REMOVE_WITH_NDR):
        locked = [one for one in locked if not one.pending.startswith("remove")]
    return [one.pk for one in _OF_ROWS[row.verb](locked)]


def _redirect(row: BulkOperation, actor: Actor, ids: Sequence[UUID]) -> list[UUID]:
    """Redirect these; where the target is none any more, nothing is moved."""
    connector = row.target.get("send_connector")
    try:
        target = find_target(
            tenant_id=row.tenant_id,
            connector_id=UUID(connector) if connector else None,
            smart_host=row.target.get("smart_host", ""),
        )
    except Problem:
        return []
    return redirect_deliveries(actor=actor, tenant_id=row.tenant_id, ids=ids, target=target)
