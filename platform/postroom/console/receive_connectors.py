"""Receive connectors of a tenant: which of its machines may relay through us (design §12.14)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.paging import paginate
from postroom.console.requests import ConsoleRequest, actor_of, needs, tenant_of
from tenants.access import one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import receive_connectors
from transport.actions.receive_connectors import (
    change_receive_connector,
    create_receive_connector,
    delete_receive_connector,
)
from transport.models import ReceiveConnector

MEGABYTE = 1024 * 1024


class ConnectorForm(ConsoleForm):
    problem_fields = {"remote_ranges": "ranges", "max_message_size": "max_size_mb"}

    name = forms.CharField(label=gettext_lazy("Name"), max_length=64)
    ranges = forms.CharField(
        label=gettext_lazy("Addresses of the machines"),
        widget=forms.Textarea(attrs={"rows": 3, "class": "font-monospace", "spellcheck": "false"}),
        help_text=gettext_lazy("One a line: an address, or a network of at most /24 (IPv4) or /64 (IPv6)."),
    )
    max_size_mb = forms.IntegerField(
        label=gettext_lazy("Message size at most, MB"), min_value=1, max_value=2047, initial=36
    )
    enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False, initial=True)
    comment = forms.CharField(label=gettext_lazy("Comment"), max_length=255, required=False)

    def changes(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        ranges = [line.strip() for line in data.pop("ranges").splitlines() if line.strip()]
        return {"remote_ranges": ranges, "max_message_size": data.pop("max_size_mb") * MEGABYTE, **data}


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    page = paginate(request, receive_connectors(request.membership.tenant_id), ["name", "id"])
    return render(request, "console/receive_connectors/index.html", {"page": page})


@needs(Permission.CONFIGURE)
def create(request: ConsoleRequest) -> HttpResponse:
    form = ConnectorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            create_receive_connector(actor=actor_of(request), tenant=tenant_of(request), **form.changes())
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("Saved. It counts as soon as an operator has approved the addresses."))
            return redirect("console:receive-connectors")
    return _form_page(request, form, None)


@needs(Permission.VIEW)
def edit(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    start = {
        "name": row.name,
        "ranges": "\n".join(row.remote_ranges),
        "max_size_mb": row.max_message_size // MEGABYTE,
        "enabled": row.enabled,
        "comment": row.comment,
    }
    form = ConnectorForm(request.POST or None, initial=start)
    if request.method == "POST":
        return _save(request, row, form)
    return _form_page(request, form, row)


@needs(Permission.CONFIGURE)
def _save(request: ConsoleRequest, row: ReceiveConnector, form: ConnectorForm) -> HttpResponse:
    if form.is_valid():
        try:
            row = change_receive_connector(actor=actor_of(request), connector=row, **form.changes())
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("console:receive-connectors")
    return _form_page(request, form, row)


@require_POST
@needs(Permission.CONFIGURE)
def delete(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    name = row.name
    delete_receive_connector(actor=actor_of(request), connector=row)
    messages.success(request, _("“{name}” is removed.").format(name=name))
    return redirect("console:receive-connectors")


def _row(request: ConsoleRequest, pk: UUID) -> ReceiveConnector:
    return one(receive_connectors(request.membership.tenant_id), pk)


def _form_page(request: ConsoleRequest, form: ConnectorForm, row: ReceiveConnector | None) -> HttpResponse:
    context = {"form": form, "connector": row}
    return render(request, "console/receive_connectors/form.html", context, status=422 if form.errors else 200)
