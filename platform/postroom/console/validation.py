"""Trying a send connector out: its way walked to a recipient, step by step, while somebody watches."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, actor_of, needs, uses_network
from tenants.access import one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import send_connectors
from transport.checks.send_connector import validate_send_connector
from transport.models import SendConnector


class ValidateForm(ConsoleForm):
    recipient = forms.CharField(
        label=gettext_lazy("To whom"),
        max_length=320,
        help_text=gettext_lazy("An address that mail is taken for where this connector leads."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "inputmode": "email"}),
    )
    send_test_message = forms.BooleanField(
        label=gettext_lazy("Send a short test message"),
        required=False,
        help_text=gettext_lazy("Otherwise it ends once the recipient was taken, and nothing is sent."),
    )


@uses_network
@needs(Permission.CONFIGURE)
def show(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Ask to whom, and show what came of it."""
    with request.enter_scope():
        row = one(send_connectors(request.membership.tenant_id), pk)
        form = ValidateForm(request.POST or None, initial={"recipient": _likely(row)})
    result = None
    if request.method == "POST" and form.is_valid():
        try:
            result = validate_send_connector(
                actor=actor_of(request), tenant_id=request.membership.tenant_id, connector_id=pk, **form.cleaned_data
            )
        except Problem as problem:
            form.add_problem(problem)
    with request.enter_scope():
        context = {"form": form, "connector": row, "result": result}
        status = 422 if form.errors or form.problem else 200
        return render(request, "console/send_connectors/validate.html", context, status=status)


def _likely(row: SendConnector) -> str:
    """Return an address that every domain has, where the connector is for one domain."""
    named = [space.pattern.removeprefix("*.") for space in row.address_spaces.all() if space.pattern != "*"]
    return f"postmaster@{named[0]}" if named else ""
