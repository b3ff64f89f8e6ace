"""What would happen to a message: the decision with all its reasons, and nothing sent."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, gettext_lazy

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, needs, tenant_of
from tenants.access import mailboxes_of
from tenants.permissions import Permission
from transport.actions.simulate import simulate


class WhatIfForm(ConsoleForm):
    sender = forms.CharField(
        label=gettext_lazy("From"),
        required=False,
        max_length=320,
        help_text=gettext_lazy("One of your addresses, or a stranger's on the Internet."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    recipient = forms.CharField(
        label=gettext_lazy("To"),
        max_length=320,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    size_kb = forms.IntegerField(
        label=gettext_lazy("Size, KB"),
        min_value=1,
        max_value=2_000_000,
        required=False,
        help_text=gettext_lazy("Empty: a small one."),
    )


@needs(Permission.VIEW)
def show(request: ConsoleRequest) -> HttpResponse:
    asked = request.GET if "recipient" in request.GET else None
    form = WhatIfForm(asked, initial={"sender": _own_address(request)})
    result = None
    if asked is not None and form.is_valid():
        data = form.cleaned_data
        result = simulate(
            tenant=tenant_of(request),
            sender=data["sender"],
            recipient=data["recipient"],
            size=(data["size_kb"] or 4) * 1024,
        )
    steps = result.routing.trace.to_json(gettext)["steps"] if result else []
    return render(request, "console/what_if/show.html", {"form": form, "result": result, "steps": steps})


def _own_address(request: ConsoleRequest) -> str:
    mailbox = mailboxes_of(request.membership.tenant_id, request.user).first()
    return str(mailbox.primary_address or "") if mailbox else ""
