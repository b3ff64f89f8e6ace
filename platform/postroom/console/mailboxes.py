"""Mailboxes: who has one, its addresses, which of them is the reply address, and who may log in to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from typing_extensions import override

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, actor_of, needs, redirect_back, tenant_of
from postroom.explain import explain_problem
from postroom.paging import paginate
from tenants.access import accepted_domains, mailboxes, one, verifier_beside
from tenants.actions.mailboxes import (
    AddressInput,
    change_mailbox,
    create_mailbox,
    delete_mailbox,
    set_reply_address,
)
from tenants.actions.send_as import granted_names
from tenants.models import AcceptedDomain, EmailAddress, Mailbox, SuspensionMode
from tenants.names import local_key
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.authentication.scram import make_verifier

MEGABYTE = 1024 * 1024
MAX_ADDRESSES = 50


class MailboxForm(ConsoleForm):
    """A mailbox with its list of addresses, one of which is marked; empty lines are left out."""

    problem_fields = {"password": "password", "quota": "quota_mb"}

    display_name = forms.CharField(label=gettext_lazy("Display name"), max_length=256)
    password = forms.CharField(
        label=gettext_lazy("Password for mail programs"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("For sending by SMTP with the reply address as user name. Empty: as it is."),
    )
    quota_mb = forms.IntegerField(label=gettext_lazy("Quota, MB"), min_value=1, max_value=10 * 1024 * 1024)
    enabled = forms.BooleanField(
        label=gettext_lazy("Enabled"),
        required=False,
        help_text=gettext_lazy("A disabled mailbox keeps its letters; new ones are refused, and nobody sends from it."),
    )
    suspension_reason = forms.CharField(label=gettext_lazy("Why it is disabled"), max_length=500, required=False)
    suspension_mode = forms.ChoiceField(
        label=gettext_lazy("Mail for it while it is disabled"),
        required=False,
        choices=[
            (SuspensionMode.PERMANENT, gettext_lazy("Refuse it: senders are told at once")),
            (SuspensionMode.TEMPORARY, gettext_lazy("Put it off: senders try again for some days")),
        ],
    )

    def __init__(self, data: Any = None, *, initial: dict[str, Any], addresses: list[AddressInput]) -> None:
        super().__init__(data, initial=initial)
        self.addresses = _typed_addresses(data) if data is not None else addresses
        self.address_error = ""

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if password:
            validate_password(password)
        return password

    @override
    def clean(self) -> dict[str, Any]:
        self.address_error = "" if self.addresses else _("A mailbox needs at least one address.")
        if self.address_error:
            self.add_error(None, self.address_error)
        return dict(self.cleaned_data)

    @override
    def add_problem(self, problem: Problem) -> None:
        if problem.field in {"addresses", "address"}:
            self.address_error = explain_problem(problem).text
            self.add_error(None, self.address_error)
        else:
            super().add_problem(problem)

    def changes(self, row: Mailbox | None = None) -> dict[str, Any]:
        """Return what goes to the action, for the mailbox that there is or for a new one."""
        data = self.cleaned_data
        fields = {"display_name": data["display_name"], "enabled": data["enabled"]}
        fields["quota"] = data["quota_mb"] * MEGABYTE
        if not data["enabled"]:
            fields |= {name: data[name] for name in ("suspension_reason", "suspension_mode")}
        if data["password"]:
            fields["verifier"] = make_verifier(data["password"], beside=verifier_beside(row))
        return fields


def _typed_addresses(data: Any) -> list[AddressInput]:
    typed = [text.strip() for text in data.getlist("address")[:MAX_ADDRESSES]]
    chosen = data.get("primary", "0")
    return [AddressInput(text, is_primary=str(position) == chosen) for position, text in enumerate(typed) if text]


class ReplyAddressForm(ConsoleForm):
    problem_fields = {"addresses": "address", "domain": "address"}

    address = forms.CharField(
        label=gettext_lazy("Reply address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocapitalize": "none", "autofocus": True}),
        help_text=gettext_lazy("What others see and answer to. The addresses that the mailbox has now stay."),
    )


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()
    rows = _search(mailboxes(request.membership.tenant_id).select_related("user"), request.membership.tenant_id, search)
    page = paginate(request, rows, ["display_name", "id"])
    return render(request, "console/mailboxes/index.html", {"page": page, "search": search})


def _search(rows: QuerySet[Mailbox], tenant_id: UUID, text: str) -> QuerySet[Mailbox]:
    """Narrow by the beginning of a name or of an address: a scan of one tenant's rows, whatever the others have."""
    if not text:
        return rows
    local, _at, domain = text.partition("@")
    found = EmailAddress.objects.filter(tenant_id=tenant_id, local_key__startswith=local_key(local))
    if domain:
        found = found.filter(domain__startswith=domain.lower())
    return rows.filter(Q(display_name__istartswith=text) | Q(pk__in=found.values("mailbox_id")))


@needs(Permission.CONFIGURE)
def create(request: ConsoleRequest) -> HttpResponse:
    start = {"quota_mb": 1024, "enabled": True, "display_name": ""}
    form = MailboxForm(request.POST or None, initial=start, addresses=[])
    if request.method == "POST" and form.is_valid():
        try:
            row = create_mailbox(
                actor=actor_of(request), tenant=tenant_of(request), addresses=form.addresses, **form.changes()
            )
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("The mailbox “{name}” is there.").format(name=row.display_name))
            return redirect("console:mailboxes")
    return _form_page(request, form, None)


@needs(Permission.VIEW)
def edit(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    start = {"display_name": row.display_name, "quota_mb": max(1, row.quota // MEGABYTE), "enabled": row.enabled}
    start |= {"suspension_reason": row.suspension_reason, "suspension_mode": row.suspension_mode}
    kept = [AddressInput(str(address), address.is_primary) for address in row.addresses.all()]
    form = MailboxForm(request.POST or None, initial=start, addresses=kept)
    if request.method == "POST":
        return _save(request, row, form)
    return _form_page(request, form, row)


@needs(Permission.CONFIGURE)
def _save(request: ConsoleRequest, row: Mailbox, form: MailboxForm) -> HttpResponse:
    if form.is_valid():
        try:
            change_mailbox(actor=actor_of(request), mailbox=row, addresses=form.addresses, **form.changes(row))
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("console:mailbox", row.pk)
    return _form_page(request, form, row)


@needs(Permission.CONFIGURE)
def reply_address(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Choose the reply address, with the likely one filled in: the fix of story B."""
    row = _row(request, pk)
    domains = list(accepted_domains(request.membership.tenant_id).order_by("-is_default", "domain"))
    public = [domain for domain in domains if domain.is_verified and domain.dns_findings.get("resolvable") is not False]
    form = ReplyAddressForm(request.POST or None, initial={"address": _suggested(row, public)})
    if request.method == "POST" and form.is_valid():
        try:
            set_reply_address(actor=actor_of(request), mailbox=row, address=form.cleaned_data["address"])
        except Problem as problem:
            form.add_problem(problem)
        else:
            done = _("“{name}” sends as {address} from now on.")
            messages.success(request, done.format(name=row.display_name, address=form.cleaned_data["address"]))
            return redirect_back(request, reverse("console:mailboxes"))
    context = {"form": form, "mailbox": row, "public_domains": public}
    return render(request, "console/mailboxes/reply_address.html", context, status=422 if form.errors else 200)


def _suggested(row: Mailbox, domains: list[AcceptedDomain]) -> str:
    primary = row.primary_address
    if primary is None or not domains:
        return ""
    return f"{primary.local_part}@{domains[0].domain}"


@require_POST
@needs(Permission.CONFIGURE)
def enable(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = change_mailbox(actor=actor_of(request), mailbox=_row(request, pk), enabled=True)
    messages.success(request, _("The mailbox “{name}” is enabled.").format(name=row.display_name))
    return redirect_back(request, reverse("console:mailboxes"))


@require_POST
@needs(Permission.CONFIGURE)
def delete(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    delete_mailbox(actor=actor_of(request), mailbox=row)
    messages.success(request, _("The mailbox “{name}” and its letters are removed.").format(name=row.display_name))
    return redirect("console:mailboxes")


def _row(request: ConsoleRequest, pk: UUID) -> Mailbox:
    return one(mailboxes(request.membership.tenant_id).select_related("user"), pk)


def _form_page(request: ConsoleRequest, form: MailboxForm, row: Mailbox | None) -> HttpResponse:
    domains = list(accepted_domains(request.membership.tenant_id).order_by("-is_default", "domain")[:100])
    context: dict[str, Any] = {"form": form, "mailbox": row, "domains": domains}
    context |= {"empty_rows": range(1 if form.addresses else 2)}
    if row is not None:
        context["send_as"] = granted_names(row)
    primary = row.primary_address if row else None
    if primary and not primary.accepted_domain.is_verified:
        context["unknown_domain"] = primary.domain
    return render(request, "console/mailboxes/form.html", context, status=422 if form.errors else 200)
