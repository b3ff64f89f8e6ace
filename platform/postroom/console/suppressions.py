"""The suppression list: addresses that mail came back from, why, and until when; anybody in charge may release one."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, actor_of, needs
from postroom.explain import explain
from postroom.paging import paginate
from tenants.access import one
from tenants.permissions import Permission
from transport.access import suppressed_addresses
from transport.actions.suppressions import release_address

PLAIN = forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"})


class SearchForm(ConsoleForm):
    address = forms.CharField(label=gettext_lazy("Address begins with"), required=False, max_length=320, widget=PLAIN)


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    form = SearchForm(request.GET or None)
    beginning = form.cleaned_data["address"] if form.is_bound and form.is_valid() else ""
    found = suppressed_addresses(request.membership.tenant_id, beginning)
    page = paginate(request, found, ["-last_seen_at", "-id"])
    rows = [
        (row, explain(row.reason, recipient=row.address, domain=row.address.rpartition("@")[2], host=row.reporting_mta))
        for row in page.rows
    ]
    return render(request, "console/suppressions/index.html", {"form": form, "page": page, "rows": rows})


@require_POST
@needs(Permission.STEER_QUEUES)
def release(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = one(suppressed_addresses(request.membership.tenant_id), pk)
    release_address(actor=actor_of(request), row=row)
    messages.success(request, _("{address} can be written to again.").format(address=row.address))
    return redirect("console:suppressions")
