"""The first page: whether mail can flow, and what would mend it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from postroom.console.requests import ConsoleRequest, actor_of, allowed, needs, redirect_back, tenant_of, uses_network
from tenants.access import mailboxes_of
from tenants.permissions import Permission
from transport.checks.facts import known_findings, look_up_findings, read_facts
from transport.checks.mail_flow import CheckItem, judge, refresh_mail_flow
from transport.checks.verdicts import Verdict
from transport.models import TrackingEvent
from transport.queue.listing import list_queues
from transport.usage.report import open_notices

ORDER = [Verdict.FAILED, Verdict.WARNING, Verdict.UNKNOWN, Verdict.PASSED, Verdict.NOT_APPLICABLE]
RECENT = 6


@uses_network
@needs(Permission.VIEW, Permission.READ_OWN_MAIL)
def show(request: ConsoleRequest) -> HttpResponse:
    """Show the checklist at once; what DNS has not been asked lately is asked by the page itself."""
    with request.enter_scope():
        if not allowed(request, Permission.VIEW):
            return redirect("console:mail")
        tenant = tenant_of(request)
        facts = read_facts(tenant)
    live = known_findings(facts)
    if request.htmx:
        live = look_up_findings(facts)
    context: dict[str, Any] = summary(judge(facts, live))
    context["is_live"] = all(name in live.names for name in facts.sending_names)
    if request.htmx:
        return render(request, "console/overview/checklist.html", context)
    with request.enter_scope():
        context["own_mailbox"] = mailboxes_of(tenant.pk, request.user).first()
        context["recent"] = recent_messages(tenant.pk)
        context["limit_notices"] = open_notices(tenant.pk)
        context["queues"] = list_queues(tenant.pk, limit=RECENT)
        return render(request, "console/overview/index.html", context)


@uses_network
@require_POST
@needs(Permission.VIEW)
def check(request: ConsoleRequest) -> HttpResponse:
    """Ask DNS anew for everything, then show the list."""
    with request.enter_scope():
        tenant = tenant_of(request)
    items = refresh_mail_flow(actor=actor_of(request), tenant=tenant)
    if request.htmx:
        return render(request, "console/overview/checklist.html", summary(items) | {"is_live": True})
    messages.success(request, _("Checked again just now."))
    return redirect_back(request, reverse("console:overview"))


def recent_messages(tenant_id: UUID) -> list[TrackingEvent]:
    """Return the newest event of each of the last few messages."""
    events = TrackingEvent.objects.filter(tenant_id=tenant_id).order_by("-id")[: RECENT * 8]
    newest: dict[UUID, TrackingEvent] = {}
    for event in events:
        newest.setdefault(event.message_id, event)
    return list(newest.values())[:RECENT]


def summary(items: list[CheckItem]) -> dict[str, Any]:
    """Return the list with how many of it need somebody."""
    count = {status: sum(item.status is status for item in items) for status in Verdict}
    return {
        "items": sorted(items, key=lambda item: ORDER.index(item.status)),  # what needs somebody first
        "failed": count[Verdict.FAILED],
        "warnings": count[Verdict.WARNING],
        "passed": count[Verdict.PASSED],
        "unknown": count[Verdict.UNKNOWN],
        "worst": min((item.status for item in items), key=ORDER.index, default=Verdict.PASSED),
    }
