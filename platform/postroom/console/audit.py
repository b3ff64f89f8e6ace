"""The audit log: who changed what."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from postroom.console.paging import paginate
from postroom.console.requests import ConsoleRequest, needs
from tenants.access import audit_events
from tenants.models import AuditEvent
from tenants.permissions import Permission


@needs(Permission.VIEW_AUDIT)
def index(request: ConsoleRequest) -> HttpResponse:
    page = paginate(request, audit_events(request.membership.tenant_id), ["-id"])
    rows = [(event, changes_of(event)) for event in page.rows]
    return render(request, "console/audit/index.html", {"page": page, "rows": rows})


def changes_of(event: AuditEvent) -> list[tuple[str, object, object]]:
    """Return what differs between before and after, field by field."""
    before, after = event.before or {}, event.after or {}
    names = sorted({*before, *after} - {"id", "tenant", "created_at"})
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
