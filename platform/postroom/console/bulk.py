"""One thing done to all that a filter finds, or to the messages ticked: preview, progress, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from postroom.console.redirects import RedirectForm
from postroom.console.requests import ConsoleRequest, actor_of, needs
from postroom.explain import explain_problem
from postroom.paging import paginate
from tenants.access import one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import bulk_operations, deliveries, queues
from transport.actions.bulk_of_tenant import INVERSE, confirm_operation, is_undoable, preview_operation, undo_operation
from transport.actions.redirect import Target
from transport.models import BulkOperation
from transport.queue.filters import MessageFilters, QueueFilters

SHOWN: Final = 20  # of what an operation hits
MOST_TICKED: Final = 100
OFFERED: Final = {  # in the order of the menu
    BulkOperation.Over.QUEUES: [verb for verb in BulkOperation.Verb if verb != BulkOperation.Verb.UNDO_REDIRECT],
    BulkOperation.Over.MESSAGES: list(BulkOperation.Verb),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form of a list asks to be done, and to what."""

    over: str
    verb: str
    filters: QueueFilters | MessageFilters
    chosen: list[tuple[UUID, UUID]] | None

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        """Read a form; raise the Problem of what makes no sense."""
        given = request.POST.dict()
        over = str(given.get("over", ""))
        kind = QueueFilters if over == BulkOperation.Over.QUEUES else MessageFilters
        ticked = request.POST.getlist("message")[:MOST_TICKED]
        is_ticked = given.get("what") == "ticked"
        return cls(
            over, str(given.get("verb", "")), kind.of(_only_filters(given)), _keys(ticked) if is_ticked else None
        )

    @property
    def back(self) -> str:
        page = "console:queues" if self.over == BulkOperation.Over.QUEUES else "console:queue-messages"
        return f"{reverse(page)}?{urlencode(self.filters.to_json())}"


def _only_filters(given: dict[str, Any]) -> dict[str, Any]:
    """Return the filters of a form; its other fields are called otherwise, so that none is taken for one."""
    return {name.removeprefix("filter-"): value for name, value in given.items() if name.startswith("filter-")}


def _keys(ticked: list[str]) -> list[tuple[UUID, UUID]]:
    pairs = [text.partition(".") for text in ticked]
    try:
        return [(UUID(message), UUID(queue)) for message, _dot, queue in pairs]
    except ValueError:
        return []


@require_POST
@needs(Permission.STEER_QUEUES)
def preview(request: ConsoleRequest) -> HttpResponse:
    """Write down what would be hit, and show it: nothing is done yet. Redirecting asks where to first."""
    tenant_id = request.membership.tenant_id
    try:
        asked = Asked.of(request)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
        return HttpResponseRedirect(reverse("console:queues"))
    if asked.chosen == []:
        messages.warning(request, _("Tick messages first, or choose all that the filter finds."))
        return HttpResponseRedirect(asked.back)
    target = None
    if asked.verb == BulkOperation.Verb.REDIRECT:
        form = RedirectForm(request.POST if "smart_host" in request.POST else None, tenant_id=tenant_id)
        target = _target(form)
        if target is None:
            fields = [(name, value) for name, values in request.POST.lists() for value in values if name not in SPOKEN]
            return render(
                request, "console/queues/bulk_redirect.html", {"form": form, "fields": fields, "asked": asked}
            )
    try:
        row = preview_operation(
            actor=actor_of(request),
            tenant_id=tenant_id,
            verb=asked.verb,
            filters=asked.filters,
            chosen=asked.chosen,
            target=target,
        )
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
        return HttpResponseRedirect(asked.back)
    return HttpResponseRedirect(reverse("console:queue-operation", args=[row.pk]))


SPOKEN: Final = {"csrfmiddlewaretoken", "send_connector", "smart_host"}


def _target(form: RedirectForm) -> Target | None:
    if not form.is_valid():
        return None
    try:
        return form.target()
    except Problem as problem:
        form.add_problem(problem)
        return None


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    page = paginate(request, bulk_operations(request.membership.tenant_id), ["-id"])
    return render(request, "console/queues/operations.html", {"page": page})


@needs(Permission.VIEW)
def show(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Show what would be hit, how far it has come, or what was done."""
    tenant_id = request.membership.tenant_id
    row = one(bulk_operations(tenant_id), pk)
    actor = actor_of(request)
    is_over_queues = row.over == BulkOperation.Over.QUEUES
    ids = row.ids[:SHOWN]
    context = {
        "operation": row,
        "queues": queues(tenant_id).filter(pk__in=ids) if is_over_queues else [],
        "deliveries": [] if is_over_queues else deliveries(tenant_id).filter(pk__in=ids).order_by("id"),
        "more": max(0, row.total - SHOWN),
        "is_mine": (row.actor_kind, row.actor_id) == (actor.kind, actor.id),
        "is_removal": row.verb in (BulkOperation.Verb.REMOVE, BulkOperation.Verb.REMOVE_WITH_NDR),
        "can_undo": row.state == BulkOperation.State.DONE and row.undone_by_id is None and is_undoable(row),
        "contrary": BulkOperation.Verb(INVERSE[BulkOperation.Verb(row.verb)]).label if row.verb in INVERSE else "",
        "back": _list_of(row),
    }
    return render(request, "console/queues/operation.html", context)


def _list_of(row: BulkOperation) -> str:
    """Return the list that an operation was asked from, narrowed as it was."""
    of_queues = row.over == BulkOperation.Over.QUEUES or set(row.filters) <= set(QueueFilters.__slots__)
    page = "console:queues" if of_queues and row.filters else "console:queue-messages"
    return f"{reverse(page)}?{urlencode(row.filters)}"


@require_POST
@needs(Permission.STEER_QUEUES)
def confirm(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = one(bulk_operations(request.membership.tenant_id), pk)
    try:
        confirm_operation(actor=actor_of(request), operation=row)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
    return HttpResponseRedirect(reverse("console:queue-operation", args=[pk]))


@require_POST
@needs(Permission.STEER_QUEUES)
def undo(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = one(bulk_operations(request.membership.tenant_id), pk)
    try:
        back = undo_operation(actor=actor_of(request), operation=row)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
        return HttpResponseRedirect(reverse("console:queue-operation", args=[pk]))
    return HttpResponseRedirect(reverse("console:queue-operation", args=[back.pk]))
