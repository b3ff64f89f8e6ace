"""The queue viewer: what waits, for what, why, and what would change that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from postroom.console.bulk import OFFERED
from postroom.console.queue_filters import QueueFilterForm
from postroom.console.requests import ConsoleRequest, actor_of, needs, redirect_back
from postroom.explain import explain, explain_problem
from postroom.paging import paginate, paginate_items
from tenants.access import one
from tenants.models import Tenant
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import deliveries, queues
from transport.access import messages as tenant_messages
from transport.actions.exports import export_message
from transport.actions.queue import (
    remove_message,
    resubmit_message,
    resubmit_queue,
    resume_message,
    resume_queue,
    retry_message,
    retry_queue,
    suspend_message,
    suspend_queue,
)
from transport.actions.redirect import undo_redirect, undo_redirect_of_queue
from transport.models import BulkOperation, Delivery, DeliveryType, Queue
from transport.queue.configuration import Configuration
from transport.queue.listing import ListedQueue, find_queue, list_queues
from transport.queue.rates import Rate, Rates, rates
from transport.queue.share import Share, share_of
from transport.routing.reasons import Action, Explanation, Fix
from transport.tracking.timeline import facts_of_waiting, waiting_reason

QUEUE_VERBS: dict[str, tuple[Callable[..., Any], str | Promise]] = {
    "retry": (retry_queue, gettext_lazy("{queue} is tried again now.")),
    "suspend": (suspend_queue, gettext_lazy("{queue} is suspended: its mail waits until you resume it.")),
    "resume": (resume_queue, gettext_lazy("{queue} goes on.")),
    "resubmit": (resubmit_queue, gettext_lazy("What waits in {queue} is routed again.")),
    "undo-redirect": (undo_redirect_of_queue, gettext_lazy("What was redirected to {queue} is routed again.")),
}
MESSAGE_VERBS: dict[str, tuple[Callable[..., Any], str | Promise]] = {
    "retry": (retry_message, gettext_lazy("The message is tried again now.")),
    "suspend": (suspend_message, gettext_lazy("The message is suspended.")),
    "resume": (resume_message, gettext_lazy("The message goes on.")),
    "resubmit": (resubmit_message, gettext_lazy("The message is routed again.")),
    "undo-redirect": (undo_redirect, gettext_lazy("The redirection is taken back: the message is routed again.")),
    "remove": (partial(remove_message, with_ndr=True), gettext_lazy("The message is removed; its sender is told.")),
    "remove-silently": (partial(remove_message, with_ndr=False), gettext_lazy("The message is removed.")),
}


OWN_BUTTONS = (Action.RETRY_QUEUE, Action.RESUME_QUEUE)


@dataclass(frozen=True, slots=True)
class Row:
    """A queue with what its waiting means."""

    queue: ListedQueue
    told: Explanation | None
    rate: Rate

    @property
    def fixes(self) -> list[Fix]:
        """What mends it, besides the buttons that each queue has."""
        return [fix for fix in self.told.fixes if fix.action not in OWN_BUTTONS] if self.told else []


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recipient in a queue, with what its last error means."""

    delivery: Delivery
    told: Explanation | None


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    tenant_id = request.membership.tenant_id
    form = QueueFilterForm(request.GET or None, tenant_id=tenant_id)
    filters = form.filters()

    def fetch(after: list[Any] | None, limit: int) -> list[ListedQueue]:
        start = (str(after[0]), UUID(str(after[1]))) if after and len(after) == 2 else None
        return list_queues(tenant_id, filters=filters, after=start, limit=limit)

    page = paginate_items(request, fetch, lambda queue: [queue.next_hop_domain, queue.id])
    known = rates(tenant_id) if page.rows else Rates()
    rows = [Row(queue, explained(queue), known.of(queue)) for queue in page.rows]
    verbs = OFFERED[BulkOperation.Over.QUEUES]
    context = {"page": page, "rows": rows, "form": form, "filters": filters, "verbs": verbs}
    context["share"] = share_of(Tenant.objects.get(pk=tenant_id))
    return render(request, "console/queues/index.html", context)


@needs(Permission.VIEW)
def detail(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    tenant_id = request.membership.tenant_id
    row = one(queues(tenant_id), pk)
    queue = find_queue(tenant_id, pk)
    page = paginate(request, deliveries(tenant_id).filter(queue=row), ["id"])
    known = Configuration()
    waiting = [Waiting(delivery, _told(delivery, known)) for delivery in page.rows]
    told = explained(queue) if queue else None
    has_redirected = any(delivery.is_redirected for delivery in page.rows)
    context = {
        "row": row,
        "queue": queue,
        "page": page,
        "waiting": waiting,
        "told": told,
        "has_redirected": has_redirected,
        "rate": rates(tenant_id).of(queue) if queue else None,
        "share": _turn(row),
    }
    return render(request, "console/queues/detail.html", context)


def _turn(queue: Queue) -> Share | None:
    """Return the tenant's share of the workers, where it has to share them for this queue."""
    if queue.delivery_type == DeliveryType.UNREACHABLE:
        return None
    share = share_of(Tenant.objects.get(pk=queue.tenant_id))
    return share if share.others else None


def explained(queue: ListedQueue) -> Explanation | None:
    """Return why a queue waits; one that moves needs no reason."""
    if queue.status == Queue.Status.SUSPENDED:
        return explain("queue.suspended", **queue.reason_facts)
    if queue.last_error is None or queue.status in (Queue.Status.ACTIVE, Queue.Status.CONNECTING):
        return None
    return explain(queue.last_error.reason, **queue.reason_facts) if queue.last_error.reason else None


def _told(delivery: Delivery, known: Configuration) -> Explanation | None:
    reason = waiting_reason(delivery)
    return explain(reason, **facts_of_waiting(delivery, delivery, delivery.message, known)) if reason else None


@require_POST
@needs(Permission.STEER_QUEUES)
def act(request: ConsoleRequest, pk: UUID, verb: str) -> HttpResponse:
    """Retry, suspend or resume a whole queue."""
    chosen = QUEUE_VERBS.get(verb)
    if chosen is None:
        raise Http404
    action, done = chosen
    row = one(queues(request.membership.tenant_id), pk)
    try:
        action(actor=actor_of(request), queue=row)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
    else:
        messages.success(request, str(done).format(queue=row.next_hop_domain))
    return redirect_back(request, reverse("console:queue", args=[pk]))


@require_POST
@needs(Permission.STEER_QUEUES)
def act_on_message(request: ConsoleRequest, pk: UUID, message: UUID, verb: str) -> HttpResponse:
    """Retry, suspend, resume or remove one message in a queue."""
    chosen = MESSAGE_VERBS.get(verb)
    if chosen is None:
        raise Http404
    action, done = chosen
    queue = one(queues(request.membership.tenant_id), pk)
    row = one(tenant_messages(request.membership.tenant_id), message)
    try:
        action(actor=actor_of(request), message=row, queue=queue)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
    else:
        messages.success(request, str(done))
    return redirect_back(request, reverse("console:queue", args=[pk]))


@needs(Permission.EXPORT_MESSAGES)
def export(request: ConsoleRequest, pk: UUID, message: UUID) -> HttpResponse:
    """Hand out a queued message as an .eml file; the audit log has it."""
    queue = one(queues(request.membership.tenant_id), pk)
    row = one(tenant_messages(request.membership.tenant_id).filter(deliveries__queue=queue).distinct(), message)
    answer = HttpResponse(export_message(actor=actor_of(request), message=row), content_type="message/rfc822")
    answer["Content-Disposition"] = f'attachment; filename="{row.pk}.eml"'
    return answer
