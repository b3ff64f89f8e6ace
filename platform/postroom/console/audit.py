"""The audit log: who changed what, searched, read one by one, and taken out as a table."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from postroom.audit_words import changes_of, headline, noun_label, summary
from postroom.console.forms import ConsoleForm
from postroom.console.objects import page_of
from postroom.console.requests import ConsoleRequest, actor_of, in_tenants_time_zone, needs
from postroom.csv_file import csv_file
from postroom.paging import paginate
from tenants.access import audit_events, one
from tenants.actions.audit import audit
from tenants.audit_search import GROUPS, Filters, matching
from tenants.models import AuditEvent
from tenants.permissions import Permission
from tenants.versioning import VERSIONED

MOST_EXPORTED: Final = 20_000
MINUTES = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
HIDDEN: Final = ("actor_id", "object_type", "object_id", "action")


class AuditForm(ConsoleForm):
    actor = forms.CharField(label=gettext_lazy("Who begins with"), required=False, max_length=320)
    group = forms.ChoiceField(
        label=gettext_lazy("About"),
        required=False,
        choices=[("", gettext_lazy("anything")), *((key, label) for key, (label, _nouns) in GROUPS.items())],
    )
    object = forms.CharField(label=gettext_lazy("Name begins with"), required=False, max_length=320)
    address = forms.GenericIPAddressField(label=gettext_lazy("From the address"), required=False)
    start = forms.DateTimeField(label=gettext_lazy("Since"), required=False, widget=MINUTES)
    end = forms.DateTimeField(label=gettext_lazy("Before"), required=False, widget=MINUTES)
    # From links, not from hands.
    actor_id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    object_type = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    object_id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    action = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def filters(self) -> Filters:
        """Return what the form asks for; a field that is nonsense asks for nothing and says so."""
        if not self.is_bound:
            return Filters()
        self.is_valid()
        return Filters(**{name: value for name, value in self.cleaned_data.items() if value})


@needs(Permission.VIEW_AUDIT)
@in_tenants_time_zone
def index(request: ConsoleRequest) -> HttpResponse:
    form = AuditForm(request.GET or None)
    page = paginate(request, _found(request, form), ["-id"])
    query = {name: value for name, value in request.GET.items() if name != "after" and value}
    context = {
        "form": form,
        "page": page,
        "rows": [(event, headline(event), summary(event)) for event in page.rows],
        "narrowed": _narrowed(form, page.rows),
        "export_query": urlencode(query),
    }
    return render(request, "console/audit/index.html", context)


def _found(request: ConsoleRequest, form: AuditForm) -> Any:
    return matching(audit_events(request.membership.tenant_id), form.filters())


def _narrowed(form: AuditForm, rows: Any) -> str:
    """Return in words what a link narrowed the list to."""
    asked = form.cleaned_data if form.is_bound else {}
    first: AuditEvent | None = rows[0] if rows else None
    if asked.get("object_id"):
        name = first.object_name if first else asked["object_id"]
        return _("Everything about the {noun} {name}.").format(noun=noun_label(asked.get("object_type", "")), name=name)
    if asked.get("actor_id"):
        return _("Everything by {name}.").format(name=first.actor_name if first else asked["actor_id"])
    return ""


@needs(Permission.VIEW_AUDIT)
@in_tenants_time_zone
def detail(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Show one event, with what it changed field by field."""
    event = one(audit_events(request.membership.tenant_id), pk)
    context = {
        "event": event,
        "headline": headline(event),
        "changes": changes_of(event),
        "object_url": page_of(event.object_type, event.object_id),
        "noun": noun_label(event.object_type) if event.object_type else "",
        "has_history": event.object_type in VERSIONED,
    }
    return render(request, "console/audit/detail.html", context)


@needs(Permission.VIEW_AUDIT)
@in_tenants_time_zone
def export(request: ConsoleRequest) -> HttpResponse:
    """Give what the filters find as a table, the newest first; taking it out is an event, too."""
    found = list(_found(request, AuditForm(request.GET or None)).order_by("-id")[: MOST_EXPORTED + 1])
    rows = [_cells(event) for event in found[:MOST_EXPORTED]]
    if len(found) > MOST_EXPORTED:
        rows.append([_("Only the newest {n} events are in this file.").format(n=MOST_EXPORTED)])
    asked = {name: value for name, value in request.GET.items() if value and name in AuditForm.base_fields}
    tenant_id = request.membership.tenant_id
    audit(actor=actor_of(request), tenant=tenant_id, action="audit.export", after={"events": len(rows), **asked})
    name = f"audit-{request.membership.slug}-{timezone.localtime():%Y%m%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(csv_file(_header(), rows), content_type="text/csv; charset=utf-8", headers=headers)


def _header() -> list[str]:
    return [
        _("Time"),
        _("Who"),
        _("Kind of actor"),
        _("Address"),
        _("What"),
        _("Action"),
        _("Kind of object"),
        _("Object"),
        _("Object's id"),
        _("Changes"),
    ]


def _cells(event: AuditEvent) -> list[str]:
    changes = [f"{one.label}: {one.before} → {one.after}" for one in changes_of(event)]
    return [
        _time(event.at),
        event.actor_name,
        event.actor_kind,
        event.client_address or "",
        headline(event),
        event.action,
        event.object_type,
        event.object_name,
        event.object_id,
        "; ".join(changes),
    ]


def _time(at: datetime) -> str:
    return timezone.localtime(at).isoformat(sep=" ", timespec="seconds")
