"""The queue viewer over all tenants: grouped, narrowed, down to the messages; and what is done to many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from postroom.explain import explain_problem
from postroom.operators.bases import actor_of
from postroom.operators.words import Told, query, title_of, told_groups
from postroom.paging import PAGE_SIZE, paginate_by_id
from tenants.problems import Problem
from transport.actions.bulk import confirm_operation, preview_operation
from transport.actions.queue import remove_message, resume_message, retry_message, suspend_message
from transport.models import Delivery, DeliveryType, Queue, QueueFigures, QueueOperation
from transport.queue.across import QueueFilter, figures, grouped
from transport.queue.figures import counted_at, refresh_if_cheap
from transport.queue.listing import find_queue

VIEWS: Final = (
    ("next_hop", gettext_lazy("by next hop")),
    ("error", gettext_lazy("by error")),
    ("tenant", gettext_lazy("by tenant")),
    ("queue", gettext_lazy("single queues")),
)
SHOWN: Final = 20  # queues of a preview
MESSAGE_VERBS: Final[dict[str, tuple[str | Any, Callable[..., int]]]] = {
    "retry": (gettext_lazy("Retry now"), retry_message),
    "suspend": (gettext_lazy("Suspend"), suspend_message),
    "resume": (gettext_lazy("Resume"), resume_message),
    "remove_with_ndr": (gettext_lazy("Remove, and tell the senders"), partial(remove_message, with_ndr=True)),
    "remove": (gettext_lazy("Remove, and tell nobody"), partial(remove_message, with_ndr=False)),
}


class FilterForm(forms.Form):
    next_hop = forms.CharField(
        label=gettext_lazy("Next hop"), required=False, max_length=512, help_text=gettext_lazy("Or a beginning: mx.*")
    )
    tenant = forms.CharField(label=gettext_lazy("Tenant (slug)"), required=False, max_length=63)
    status = forms.ChoiceField(label=gettext_lazy("Status"), required=False)
    reason = forms.ChoiceField(label=gettext_lazy("Error"), required=False)
    delivery_type = forms.ChoiceField(label=gettext_lazy("Delivery"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reasons = QueueFigures.objects.values_list("reason", flat=True).distinct()
        known = sorted((title_of(code), code) for code in reasons if code)
        self._choose("status", QueueFigures.Status.choices)
        self._choose("reason", [("none", _("no error")), *((code, title) for title, code in known)])
        self._choose("delivery_type", DeliveryType.choices)

    def _choose(self, name: str, choices: Sequence[tuple[Any, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("any")), *choices]


def index(request: HttpRequest) -> HttpResponse:
    refresh_if_cheap()
    chosen = QueueFilter.of(request.GET.dict())
    by = request.GET.get("by", "next_hop")
    by = by if by in dict(VIEWS) else "next_hop"
    context: dict[str, Any] = {
        "title": _("Queues"),
        "by": by,
        "chosen": chosen,
        "form": FilterForm(request.GET or None),
        "views": [(name, label, query(chosen, by=name)) for name, label in VIEWS],
        "verbs": QueueOperation.Verb.choices,
        "counted_at": counted_at(),
    }
    if by == "queue":
        page = paginate_by_id(request, partial(_queues, chosen))
        context |= {
            "page": page,
            "rows": [Told(row, title_of(row.reason, row.endpoint, row.next_hop_domain)) for row in page.rows],
        }
    else:
        context["groups"] = told_groups(grouped(by, chosen))
    return render(request, "admin/operators/queues.html", {**admin.site.each_context(request), **context})


def _queues(chosen: QueueFilter, after: UUID | None, limit: int) -> list[QueueFigures]:
    """Return queues by next hop; a page goes on behind a queue of the one before, wherever that stands now."""
    rows = figures(chosen).select_related("tenant")
    last = QueueFigures.objects.filter(pk=after).first() if after else None
    if last is not None:
        same = Q(next_hop_domain=last.next_hop_domain, queue_id__gt=last.pk)
        rows = rows.filter(same | Q(next_hop_domain__gt=last.next_hop_domain))
    return list(rows.order_by("next_hop_domain", "queue_id")[:limit])


def messages_of(request: HttpRequest) -> HttpResponse:
    """Show what is in one queue."""
    queue = _asked_for(request.GET.get("queue", ""))
    page = paginate_by_id(request, partial(_deliveries, queue))
    rows = [
        Told(row, title_of(row.last_error_reason, row.last_error_endpoint, row.recipient.rpartition("@")[2]))
        for row in page.rows
    ]
    listed = find_queue(queue.tenant_id, queue.pk)
    connections = listed.connections if listed else None
    context = {
        "title": queue.next_hop_domain,
        "connections": connections,
        "reduced_for": title_of(connections.reduced_for, connections.host, queue.next_hop_domain)
        if connections
        else "",
        "queue": queue,
        "figures": QueueFigures.objects.filter(pk=queue.pk).first(),
        "told": title_of(queue.last_error_reason, queue.last_error_endpoint, queue.next_hop_domain),
        "page": page,
        "rows": rows,
        "verbs": [(verb, label) for verb, (label, _action) in MESSAGE_VERBS.items()],
        "queue_verbs": QueueOperation.Verb.choices,
    }
    return render(request, "admin/operators/queue.html", {**admin.site.each_context(request), **context})


def _asked_for(text: str) -> Queue:
    try:
        return get_object_or_404(Queue.objects.select_related("tenant"), pk=UUID(text))
    except ValueError:
        return get_object_or_404(Queue, pk=UUID(int=0))


def _deliveries(queue: Queue, after: UUID | None, limit: int) -> list[Delivery]:
    rows = Delivery.objects.filter(tenant_id=queue.tenant_id, queue=queue).select_related("message")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.order_by("id")[:limit])


@require_POST
def act_on_messages(request: HttpRequest) -> HttpResponse:
    """Do one thing to the messages that were ticked on a page of a queue."""
    queue = _asked_for(request.POST.get("queue", ""))
    back = f"{reverse('admin:platform-queue-messages')}?queue={queue.pk}"
    verb = MESSAGE_VERBS.get(request.POST.get("verb", ""))
    ticked = [UUID(text) for text in request.POST.getlist("message")[:PAGE_SIZE] if _is_uuid(text)]
    rows = Delivery.objects.filter(tenant_id=queue.tenant_id, queue=queue, message_id__in=ticked)
    if verb is None or not ticked:
        messages.warning(request, _("Tick messages and choose what to do with them."))
        return HttpResponseRedirect(back)
    found = {row.message_id: row.message for row in rows.select_related("message")}
    try:
        recipients = sum(verb[1](actor=actor_of(request), message=row, queue=queue) for row in found.values())
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
    else:
        text = ngettext("{verb}: {n} recipient.", "{verb}: {n} recipients.", recipients)
        messages.success(request, text.format(verb=verb[0], n=recipients))
    return HttpResponseRedirect(back)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Write down what a filter finds, and show it: nothing is done yet."""
    chosen = QueueFilter.of(request.POST.dict())
    refresh_if_cheap()
    try:
        row = preview_operation(actor=actor_of(request), verb=request.POST.get("verb", ""), chosen=chosen)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
        return HttpResponseRedirect(f"{reverse('admin:platform-queues')}?{query(chosen)}")
    return HttpResponseRedirect(reverse("admin:platform-queue-operation", args=[row.pk]))


def operation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show what would be hit, how far it has come, or what was done."""
    row = get_object_or_404(QueueOperation, pk=pk)
    first = QueueFigures.objects.filter(pk__in=row.queue_ids[:SHOWN]).select_related("tenant")
    context = {
        "title": row.get_verb_display(),
        "operation": row,
        "first": first.order_by("next_hop_domain", "queue_id"),
        "more": max(0, row.queues - SHOWN),
        "is_mine": str(row.operator_id) == actor_of(request).id,
        "is_removal": row.verb in (QueueOperation.Verb.REMOVE, QueueOperation.Verb.REMOVE_WITH_NDR),
        "filter_query": query(QueueFilter.of(row.filters)),
    }
    return render(request, "admin/operators/operation.html", {**admin.site.each_context(request), **context})


@require_POST
def confirm(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_object_or_404(QueueOperation, pk=pk)
    try:
        confirm_operation(actor=actor_of(request), operation=row)
    except Problem as problem:
        explanation = explain_problem(problem)
        messages.error(request, f"{explanation.title}. {explanation.text}")
    return HttpResponseRedirect(reverse("admin:platform-queue-operation", args=[pk]))
