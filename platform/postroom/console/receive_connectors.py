"""Receive connectors of a tenant: which of its machines may relay through us (design §12.14)."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from postroom.client_form import ClientFields
from postroom.client_words import told
from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, actor_of, needs, tenant_of
from postroom.paging import paginate
from tenants.access import one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import receive_connectors, transcripts_of_session
from transport.actions.clients import public_listeners
from transport.actions.receive_connectors import (
    change_receive_connector,
    create_receive_connector,
    delete_receive_connector,
    renew_relay_password,
    withdraw_relay_password,
)
from transport.models import ReceiveConnector

MEGABYTE = 1024 * 1024
_PEM = re.compile("-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")


class ConnectorForm(ConsoleForm):
    problem_fields = {
        "remote_ranges": "ranges",
        "max_message_size": "max_size_mb",
        "message_rate_limit": "rate",
        "certificate_fingerprints": "certificates",
    }

    name = forms.CharField(label=gettext_lazy("Name"), max_length=64)
    ranges = forms.CharField(
        label=gettext_lazy("Addresses of the machines"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "font-monospace", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line: an address, or a network of at most /24 (IPv4) or /64 (IPv6). Empty: by certificate or log-in."
        ),
    )
    certificates = forms.CharField(
        label=gettext_lazy("Certificates of the machines"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "font-monospace", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line: the SHA-256 of a client certificate or of its public key; or the certificate itself (PEM). A "
            "machine that shows one of them over TLS relays from anywhere; an operator need not approve that."
        ),
    )
    senders = forms.CharField(
        label=gettext_lazy("May send as"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "font-monospace", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line: an address, or a domain for all of its addresses. Empty: every address on your verified "
            "domains."
        ),
    )
    rate = forms.IntegerField(
        label=gettext_lazy("Messages a minute at most"),
        min_value=1,
        max_value=1_000_000,
        required=False,
        help_text=gettext_lazy("All its machines together. Empty: no limit of its own."),
    )
    max_size_mb = forms.IntegerField(
        label=gettext_lazy("Message size at most, MB"),
        min_value=1,
        max_value=2047,
        initial=36,
        help_text=gettext_lazy("36 by default; the listener's own limit counts, too."),
    )
    enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False, initial=True)
    comment = forms.CharField(label=gettext_lazy("Comment"), max_length=255, required=False)

    def changes(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        ranges = [line.strip() for line in data.pop("ranges").splitlines() if line.strip()]
        senders = [line.strip() for line in data.pop("senders").splitlines() if line.strip()]
        certificates = _certificates(data.pop("certificates"))
        size, rate = data.pop("max_size_mb") * MEGABYTE, data.pop("rate")
        changes = {"remote_ranges": ranges, "senders": senders, "max_message_size": size, "message_rate_limit": rate}
        return {**changes, "certificate_fingerprints": certificates, **data}


def _certificates(text: str) -> list[str]:
    """Return what was written: certificates in PEM, and otherwise one fingerprint a line."""
    rest = _PEM.sub("\n", text)
    return [*_PEM.findall(text), *(line.strip() for line in rest.splitlines() if line.strip())]


class ClientForm(ConsoleForm, ClientFields):
    """The test of a client, in the console's dress."""


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    page = paginate(request, receive_connectors(request.membership.tenant_id), ["name", "id"])
    return render(request, "console/receive_connectors/index.html", {"page": page, "listeners": public_listeners()})


@needs(Permission.VIEW)
def test(request: ConsoleRequest) -> HttpResponse:
    """Answer what a client would be allowed to do; nothing is sent."""
    form = ClientForm(request.GET if "address" in request.GET else None)
    answer = told(form.answer(tenant_of(request))) if form.is_bound and form.is_valid() else None
    return render(request, "console/receive_connectors/test.html", {"form": form, "answer": answer})


@needs(Permission.VIEW)
def protocol_log(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Show a session as far as it brought this tenant's mail."""
    rows = transcripts_of_session(request.membership.tenant_id, pk)
    return render(request, "console/tracking/protocol_log.html", {"rows": rows})


@needs(Permission.CONFIGURE)
def create(request: ConsoleRequest) -> HttpResponse:
    form = ConnectorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = create_receive_connector(actor=actor_of(request), tenant=tenant_of(request), **form.changes())
        except Problem as problem:
            form.add_problem(problem)
        else:
            if row.remote_ranges:
                messages.success(request, _("Saved. It counts as soon as an operator has approved the addresses."))
                return redirect("console:receive-connectors")
            if row.certificate_fingerprints:
                messages.success(request, _("Saved. Machines that show one of the certificates may relay now."))
                return redirect("console:receive-connectors")
            messages.success(request, _("Saved. Give it a log-in now: without addresses there is no other way in."))
            return redirect("console:receive-connector", row.pk)
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
        "senders": "\n".join(row.senders),
        "certificates": "\n".join(row.certificate_fingerprints),
        "rate": row.message_rate_limit,
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
def password(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Give the permission a log-in, or a new password, which is shown once; or take the log-in away."""
    row = _row(request, pk)
    if "withdraw" in request.POST:
        withdraw_relay_password(actor=actor_of(request), connector=row)
        messages.success(request, _("The log-in is gone; who uses it is a stranger with the next message."))
        return redirect("console:receive-connector", row.pk)
    secret = renew_relay_password(actor=actor_of(request), connector=row)
    answer = render(request, "console/receive_connectors/password.html", {"connector": row, "secret": secret})
    answer["Cache-Control"] = "no-store"
    return answer


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
