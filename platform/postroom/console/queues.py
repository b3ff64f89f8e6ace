"""The queue viewer: what waits, for what, why, and what would change that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from postroom.console.paging import paginate
from postroom.console.requests import ConsoleRequest, needs
from postroom.explain import explain
from tenants.access import one
from tenants.permissions import Permission
from transport.access import deliveries, queues
from transport.models import Delivery, Queue
from transport.queue.viewer import QueueEntry, entries, filled_queues
from transport.routing.reasons import Explanation


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
    if context["told"] is None and waiting:
        context["told"] = waiting[0].told
    return render(request, "console/queues/detail.html", context)


def explained(entry: QueueEntry) -> Explanation | None:
    """Return why a queue waits, if it does."""
    queue = entry.queue
    if queue.suspended:
        return explain("queue.suspended", **entry.reason_facts)
    if queue.last_error_reason and (entry.is_unreachable or entry.status != Queue.Status.ACTIVE):
        return explain(queue.last_error_reason, **entry.reason_facts)
    return None


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
    raise Http404


@require_POST
@needs(Permission.STEER_QUEUES)
def act_on_message(request: ConsoleRequest, pk: UUID, verb: str) -> HttpResponse:
    raise Http404
