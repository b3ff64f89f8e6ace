"""The history of the configuration: each object's versions, what differs between two times, and the way back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from postroom.audit_words import ShownChange, headline, noun_label, shown_changes
from postroom.console.audit import MINUTES
from postroom.console.forms import ConsoleForm
from postroom.console.objects import page_of
from postroom.console.requests import ConsoleRequest, actor_of, allowed, in_tenants_time_zone, needs
from postroom.explain import explain_problem
from postroom.paging import paginate
from tenants.access import one
from tenants.actions.versions import current_object, kind_of, pending_changes, revert_to_version
from tenants.history import Difference, compare, predecessors, versions, versions_of
from tenants.models import ConfigurationVersion
from tenants.permissions import Permission
from tenants.problems import Problem
from tenants.versioning import VERSIONED, Change, changes_between
from transport.routing.reasons import Explanation

RECENT = timedelta(days=7)


class CompareForm(ConsoleForm):
    start = forms.DateTimeField(label=gettext_lazy("How it was at"), widget=MINUTES)
    end = forms.DateTimeField(label=gettext_lazy("and how it was at"), widget=MINUTES)
    object_type = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    object_id = forms.UUIDField(required=False, widget=forms.HiddenInput)

    @classmethod
    def of(cls, request: ConsoleRequest, **fixed: object) -> CompareForm:
        """Return the form as asked, or for the last days until now."""
        now = timezone.localtime()
        return cls(
            request.GET if "start" in request.GET else None, initial={"start": now - RECENT, "end": now, **fixed}
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A version with what its change changed; `words` say who did what."""

    version: ConfigurationVersion
    words: str
    changes: list[ShownChange]


@dataclass(frozen=True, slots=True)
class ShownDifference:
    """An object that differs between two times, in words."""

    difference: Difference
    noun: str
    verb: str
    changes: list[ShownChange]


@needs(Permission.VIEW_AUDIT)
@in_tenants_time_zone
def index(request: ConsoleRequest) -> HttpResponse:
    """Show what changed last, of every object or of one kind."""
    rows = versions(request.membership.tenant_id)
    chosen = request.GET.get("object_type", "")
    if chosen in VERSIONED:
        rows = rows.filter(object_type=chosen)
    page = paginate(request, rows, ["-id"])
    kinds = sorted((noun_label(kind), kind) for kind in VERSIONED)
    context = {
        "page": page,
        "rows": _rows(request, page.rows),
        "kinds": kinds,
        "chosen": chosen,
        "compare_form": CompareForm.of(request),
    }
    return render(request, "console/history/index.html", context)


@needs(Permission.VIEW_AUDIT)
@in_tenants_time_zone
def of_object(request: ConsoleRequest, object_type: str, pk: UUID) -> HttpResponse:
    """Show one object's versions; where nothing changed since it was made, there are none."""
    if object_type not in VERSIONED:
        raise Http404
    page = paginate(request, versions_of(request.membership.tenant_id, object_type, pk), ["-number", "id"])
    object_url = page_of(object_type, str(pk))
    if not page.rows and not object_url:
        raise Http404
    context = {
        "page": page,
        "rows": _rows(request, page.rows),
        "noun": noun_label(object_type),
        "object_url": object_url,
        "object_type": object_type,
        "object_id": pk,
        "name": page.rows[0].object_name if page.rows else "",
        "compare_form": CompareForm.of(request, object_type=object_type, object_id=pk),
    }
    return render(request, "console/history/object.html", context)


def _rows(request: ConsoleRequest, found: Iterable[ConfigurationVersion]) -> list[Row]:
    rows = list(found)
    before = predecessors(request.membership.tenant_id, rows)
    return [Row(row, headline(row), _changes(before.get(row.pk), row)) for row in rows]


def _changes(before: ConfigurationVersion | None, row: ConfigurationVersion) -> list[ShownChange]:
    return shown_changes(row.object_type, changes_between(before.picture if before else None, row.picture))


@needs(Permission.VIEW_AUDIT)
@in_tenants_time_zone
def difference(request: ConsoleRequest) -> HttpResponse:
    """Show what differs between two times: objects added, removed and changed."""
    form = CompareForm.of(request)
    asked = form.cleaned_data if form.is_bound and form.is_valid() else {}
    start: datetime = asked.get("start") or timezone.now() - RECENT
    end: datetime = asked.get("end") or timezone.now()
    # A minute that is named is meant whole.
    end = end + timedelta(minutes=1, milliseconds=-1) if asked else end
    found = compare(
        request.membership.tenant_id,
        start,
        end,
        object_type=asked.get("object_type") or "",
        object_id=asked.get("object_id"),
    )
    shown = [_shown(one) for one in found.objects]
    context = {"form": form, "differences": shown, "has_more": found.has_more, "start": start, "end": end}
    return render(request, "console/history/difference.html", context, status=422 if form.errors else 200)


def _shown(found: Difference) -> ShownDifference:
    verbs = {"added": _("added"), "removed": _("removed"), "changed": _("changed")}
    changes = shown_changes(found.object_type, found.changes)
    return ShownDifference(found, noun_label(found.object_type), verbs[found.verb], changes)


@needs(Permission.VIEW_AUDIT)
@in_tenants_time_zone
def version(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Show a version: what it changed, and what going back to it would change."""
    return _version_page(request, one(versions(request.membership.tenant_id), pk))


def _version_page(request: ConsoleRequest, row: ConfigurationVersion, told: Explanation | None = None) -> HttpResponse:
    kind, current = kind_of(row), current_object(row)
    (shown,) = _rows(request, [row])
    present = kind.settings(current) if current is not None else None
    wanted = pending_changes(row, current) if row.picture is not None else {}
    back = [Change(name, (present or {}).get(name), value) for name, value in wanted.items()]
    notes = kind.notes(current, row.picture, actor_of(request)) if row.picture is not None else []
    context: dict[str, Any] = {
        "row": shown,
        "version": row,
        "noun": noun_label(row.object_type),
        "object_url": page_of(row.object_type, str(row.object_id)),
        "back": shown_changes(row.object_type, back),
        "is_gone": current is None,
        "before_removal": _before_removal(row) if current is None else None,
        "notes": notes,
        "asks_secret": kind.takes_secret and current is None and (row.picture or {}).get("has_password"),
        "may_revert": bool(back) and allowed(request, kind.permission),
        "told": told,
    }
    return render(request, "console/history/version.html", context, status=422 if told else 200)


def _before_removal(row: ConfigurationVersion) -> ConfigurationVersion | None:
    """Return the version that a removal ended: whoever looks at the removal may want it back."""
    return predecessors(row.tenant_id, [row]).get(row.pk) if row.picture is None else None


@require_POST
@needs(Permission.CONFIGURE)
@in_tenants_time_zone
def revert(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Bring the object back to this version, or say why not."""
    row = one(versions(request.membership.tenant_id), pk)
    if not allowed(request, kind_of(row).permission):
        return render(request, "console/forbidden.html", status=403)
    try:
        revert_to_version(actor=actor_of(request), version=row, secret=request.POST.get("password") or None)
    except Problem as problem:
        return _version_page(request, row, explain_problem(problem))
    done = _("“{name}” is as it was in version {number}.").format(name=row.object_name, number=row.number)
    messages.success(request, done)
    return redirect("console:history-object", row.object_type, row.object_id)
