"""What would happen to a message: the decision with all its reasons, the way from there, and nothing sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, gettext_lazy
from typing_extensions import override

from postroom.client_form import PLAIN, ClientFields
from postroom.client_words import told
from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, needs, tenant_of, uses_network
from postroom.console.ways import TellWay
from tenants.access import mailboxes_of
from tenants.models import Tenant
from tenants.permissions import Permission
from transport.actions.simulate import Simulation, simulate, with_ways


class WhatIfForm(ConsoleForm, ClientFields):
    field_order = ["sender", "recipient", "size_kb", "address", "port", "user", "certificate"]

    sender = forms.CharField(
        label=gettext_lazy("From"),
        required=False,
        max_length=320,
        help_text=gettext_lazy("One of your addresses, or a stranger's on the Internet."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    recipient = forms.CharField(label=gettext_lazy("To"), max_length=320, widget=forms.TextInput(attrs=PLAIN))
    size_kb = forms.IntegerField(
        label=gettext_lazy("Size, KB"),
        min_value=1,
        max_value=2_000_000,
        required=False,
        help_text=gettext_lazy("Empty: a small one."),
    )
    address = forms.GenericIPAddressField(
        label=gettext_lazy("Comes from the address"),
        required=False,
        help_text=gettext_lazy("Empty: handed in by the sender's own mailbox, or by a stranger."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].help_text = gettext(
            "A mailbox's address, or, with an address above, a relay permission's user name. Empty: nobody."
        )

    @override
    def clean(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        if data.get("user") and "@" not in data["user"] and not data.get("address"):
            self.add_error("address", gettext("A relay permission's log-in needs the address that it comes from."))
        if data.get("certificate") and not data.get("address"):
            self.add_error("address", gettext("A certificate is shown by a machine: give its address."))
        return data

    def decide(self, tenant: Tenant) -> Simulation:
        """Ask the mail flow; the form is valid."""
        data = self.cleaned_data
        return simulate(
            tenant=tenant,
            sender=data["sender"],
            recipient=data["recipient"],
            size=(data["size_kb"] or 4) * 1024,
            client_address=data["address"] or None,
            port=data["port"],
            user=data["user"].strip(),
            certificate=data["certificate"],
        )


@uses_network
@needs(Permission.VIEW)
def show(request: ConsoleRequest) -> HttpResponse:
    """Decide within the tenant's scope, ask DNS outside of any."""
    asked = request.GET if "recipient" in request.GET else None
    with request.enter_scope():
        form = WhatIfForm(asked, initial={"sender": _own_address(request)})
        found = form.decide(tenant_of(request)) if asked is not None and form.is_valid() else None
    if found is not None:
        found = with_ways(found, request.enter_scope)
    with request.enter_scope():
        return render(request, "console/what_if/show.html", {"form": form, **_told(found)})


def _told(found: Simulation | None) -> dict[str, Any]:
    if found is None:
        return {"result": None}
    return {
        "result": found,
        "steps": found.routing.trace.to_json(gettext)["steps"],
        "client": told(found.client),
        "unknown": found.unknown(gettext),
        "share": found.share if found.share is not None and found.share.others else None,
        "outcomes": [(one, TellWay(one.way) if one.way is not None else None) for one in found.outcomes],
    }


def _own_address(request: ConsoleRequest) -> str:
    mailbox = mailboxes_of(request.membership.tenant_id, request.user).first()
    return str(mailbox.primary_address or "") if mailbox else ""
