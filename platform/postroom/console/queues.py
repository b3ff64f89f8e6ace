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

from postroom.console.paging import paginate
from postroom.console.requests import ConsoleRequest, actor_of, needs, redirect_back
from postroom.explain import explain, explain_problem
from tenants.access import one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import deliveries, queues
from transport.access import messages as tenant_messages
from transport.actions.queue import (
    remove_message,
    resume_message,
    resume_queue,
    retry_message,
    retry_queue,
    suspend_message,
    suspend_queue,
)
from transport.models import Delivery
from transport.queue.viewer import QueueEntry, entries, filled_queues
from transport.routing.reasons import Explanation

QUEUE_VERBS: dict[str, tuple[Callable[..., Any], str | Promise]] = {
    "retry": (retry_queue, gettext_lazy("{queue} is tried again now.")),
    "suspend": (suspend_queue, gettext_lazy("{queue} is suspended: its mail waits until you resume it.")),
    "resume": (resume_queue, gettext_lazy("{queue} goes on.")),
}
MESSAGE_VERBS: dict[str, tuple[Callable[..., Any], str | Promise]] = {
    "retry": (retry_message, gettext_lazy("The message is tried again now.")),
    "suspend": (suspend_message, gettext_lazy("The message is suspended.")),
    "resume": (resume_message, gettext_lazy("The message goes on.")),
    "remove": (partial(remove_message, with_ndr=True), gettext_lazy("The message is removed; its sender is told.")),
    "remove-silently": (partial(remove_message, with_ndr=False), gettext_lazy("The message is removed.")),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recipient in a queue, with what its last error means."""

    delivery: Delivery
    told: Explanation | None


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    tenant_id = request.membership.tenant_id
    page = paginate(request, filled_queues(queues(tenant_id)), ["next_hop_domain", "id"])
    rows = [(entry, explained(entry)) for entry in entries(tenant_id, page.rows)]
    return render(request, "console/queues/index.html", {"page": page, "rows": rows})


@needs(Permission.VIEW)
def detail(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    tenant_id = request.membership.tenant_id
    row = one(queues(tenant_id), pk)
    entry = entries(tenant_id, [row])[0]
    page = paginate(request, deliveries(tenant_id).filter(queue=row), ["id"])
    waiting = [Waiting(delivery, _told(entry, delivery)) for delivery in page.rows]
    context = {"entry": entry, "queue": row, "page": page, "waiting": waiting, "told": explained(entry)}
    return render(request, "console/queues/detail.html", context)


def explained(entry: QueueEntry) -> Explanation | None:
    """Return why a queue waits, if it does."""
    return explain(entry.reason, **entry.reason_facts) if entry.reason else None


def _told(entry: QueueEntry, delivery: Delivery) -> Explanation | None:
    if not delivery.last_error_reason:
        return None
    facts: dict[str, Any] = entry.reason_facts | {
        "recipient": delivery.recipient,
        "domain": delivery.recipient.rpartition("@")[2],
        "sender": delivery.message.sender,
        "sender_domain": delivery.message.sender.rpartition("@")[2],
        "mailbox_id": delivery.message.mailbox_id or "",
        "size": delivery.message.size,
        "endpoint": delivery.last_error_endpoint,
        "host": delivery.last_error_endpoint,
        "reply": delivery.last_error_peer_text,
    }
    return explain(delivery.last_error_reason, **facts)


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
