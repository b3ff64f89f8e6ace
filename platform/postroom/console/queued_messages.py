"""Messages that wait, in whichever queue: found by filters, each with why it waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from postroom.console.bulk import OFFERED
from postroom.console.queue_filters import MessageFilterForm
from postroom.console.requests import ConsoleRequest, needs
from postroom.explain import explain
from postroom.paging import paginate_items
from tenants.access import one
from tenants.permissions import Permission
from transport.access import queues
from transport.models import BulkOperation
from transport.queue.configuration import Configuration
from transport.queue.queued import QueuedMessage, list_messages
from transport.routing.reasons import Explanation
from transport.tracking.timeline import facts_of_waiting, waiting_reason

SHOWN = 3  # recipients of one entry


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in a queue, with what its first recipient waits for."""

    queued: QueuedMessage
    told: Explanation | None

    @property
    def first(self) -> Any:
        return self.queued.rows[0]

    @property
    def shown(self) -> list[str]:
        return [row.recipient for row in self.queued.rows[:SHOWN]]

    @property
    def left_out(self) -> int:
        return max(0, len(self.queued.rows) - SHOWN)

    @property
    def is_redirected(self) -> bool:
        return any(row.is_redirected for row in self.queued.rows)


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    tenant_id = request.membership.tenant_id
    form = MessageFilterForm(request.GET or None, tenant_id=tenant_id)
    filters = form.filters()
    queue = one(queues(tenant_id), filters.queue) if filters.queue else None

    def fetch(after: list[Any] | None, limit: int) -> list[QueuedMessage]:
        start = (UUID(str(after[0])), UUID(str(after[1]))) if after and len(after) == 2 else None
        entries, _ = list_messages(tenant_id, filters, after=start, limit=limit)
        return entries

    page = paginate_items(request, fetch, lambda entry: list(entry.key))
    known = Configuration()
    entries = [Entry(entry, _told(entry, known)) for entry in page.rows]
    context = {
        "page": page,
        "entries": entries,
        "form": form,
        "filters": filters,
        "queue": queue,
        "verbs": OFFERED[BulkOperation.Over.MESSAGES],
    }
    return render(request, "console/queues/messages.html", context)


def _told(entry: QueuedMessage, known: Configuration) -> Explanation | None:
    row = entry.rows[0]
    reason = waiting_reason(row)
    return explain(reason, **facts_of_waiting(row, row, row.message, known)) if reason else None
