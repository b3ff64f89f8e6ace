"""Accepted domains: which names' mail is taken, what their zones should say, and the proof that they are ours."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.previews import Told, preview, wants_preview
from postroom.console.requests import ConsoleRequest, actor_of, needs, redirect_back, tenant_of, uses_network
from postroom.explain import explain, explain_problem
from postroom.lab.records import publish_domain
from postroom.paging import paginate
from tenants.access import accepted_domains, one
from tenants.actions.domains import change_accepted_domain, create_accepted_domain, delete_accepted_domain
from tenants.lookalikes import deceptive_label
from tenants.models import AcceptedDomain
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.checks.domain_dns import records_of, verify_accepted_domain

LAB_ZONES = (".example",)
TYPES = [
    (
        AcceptedDomain.Type.AUTHORITATIVE,
        gettext_lazy("Authoritative: all its mailboxes are here; mail to an unknown address is refused"),
    ),
    (
        AcceptedDomain.Type.INTERNAL_RELAY,
        gettext_lazy("Internal relay: some mailboxes are here, mail for the others goes on by a send connector"),
    ),
    (
        AcceptedDomain.Type.EXTERNAL_RELAY,
        gettext_lazy("External relay: no mailbox is here, everything goes on by a send connector"),
    ),
]


class EditForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=64, required=False, help_text=gettext_lazy("How it is called in lists.")
    )
    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=TYPES, widget=forms.RadioSelect)
    match_subdomains = forms.BooleanField(label=gettext_lazy("Accept mail for all subdomains too"), required=False)


class CreateForm(EditForm):
    domain = forms.CharField(
        label=gettext_lazy("Domain"),
        max_length=253,
        help_text=gettext_lazy("What stands after the @, for example contoso.com."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ["domain", "type", "match_subdomains", "name"]


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    page = paginate(request, accepted_domains(request.membership.tenant_id), ["domain", "id"])
    return render(request, "console/accepted_domains/index.html", {"page": page})


@needs(Permission.CONFIGURE)
def create(request: ConsoleRequest) -> HttpResponse:
    start = {"type": AcceptedDomain.Type.AUTHORITATIVE, "domain": request.GET.get("domain", "")}
    form = CreateForm(request.POST or None, initial=start)
    effect = None
    if request.method == "POST" and form.is_valid():
        make = partial(create_accepted_domain, actor=actor_of(request), tenant=tenant_of(request), **form.cleaned_data)
        try:
            if not wants_preview(request):
                return redirect("console:accepted-domain", make().pk)
            effect = preview(request, make)
        except Problem as problem:
            form.add_problem(problem)
    context = {"form": form, "effect": effect}
    return render(request, "console/accepted_domains/create.html", context, status=422 if form.errors else 200)


@uses_network
@require_POST
@needs(Permission.CONFIGURE)
def add(request: ConsoleRequest) -> HttpResponse:
    """Add a domain in one click and look at once whether its proof is there."""
    with request.enter_scope():
        try:
            row = create_accepted_domain(
                actor=actor_of(request), tenant=tenant_of(request), domain=request.POST.get("domain", "")
            )
        except Problem as problem:
            messages.error(request, explain_problem(problem).text)
            return redirect_back(request, reverse("console:accepted-domains"))
    row = _verified(request, row)
    if row.is_verified:
        messages.success(request, _("{domain} is added and verified.").format(domain=row.domain))
    else:
        messages.info(request, _("{domain} is added. Publish the records below.").format(domain=row.domain))
    return redirect("console:accepted-domain", row.pk)


@needs(Permission.VIEW)
def detail(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    return _detail_page(request, _row(request, pk))


def _detail_page(request: ConsoleRequest, row: AcceptedDomain, effect: Told | None = None) -> HttpResponse:
    records = records_of(row)
    label = deceptive_label(row.domain)
    context = {
        "deceptive": explain("domain.deceptive", domain=row.domain, label=label) if label else None,
        "effect": effect,
        "domain": row,
        "records": [record for record in records if record.required],
        "advised": [record for record in records if not record.required],
        "address_count": row.addresses.count(),
        "can_publish": settings.POSTROOM_LAB and row.domain.endswith(LAB_ZONES),
    }
    return render(request, "console/accepted_domains/detail.html", context)


@needs(Permission.VIEW)
def named(request: ConsoleRequest, name: str) -> HttpResponse:
    row = accepted_domains(request.membership.tenant_id).filter(domain=name).first()
    if row is None:
        raise Http404
    return redirect("console:accepted-domain", row.pk)


@needs(Permission.CONFIGURE)
def edit(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    start: dict[str, Any] = {"name": row.name, "type": row.type, "match_subdomains": row.match_subdomains}
    form = EditForm(request.POST or None, initial=start)
    effect = None
    if request.method == "POST" and form.is_valid():
        changes = form.cleaned_data | {"name": form.cleaned_data["name"] or row.domain}
        change = partial(change_accepted_domain, actor=actor_of(request), domain=row, **changes)
        try:
            if not wants_preview(request):
                change()
                messages.success(request, _("Saved."))
                return redirect("console:accepted-domain", pk)
            effect = preview(request, change)
        except Problem as problem:
            form.add_problem(problem)
    context = {"form": form, "domain": row, "effect": effect}
    return render(request, "console/accepted_domains/edit.html", context, status=422 if form.errors else 200)


@uses_network
@require_POST
@needs(Permission.CONFIGURE)
def publish(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Change the lab's zone as the owner of the domain would change theirs, then look."""
    with request.enter_scope():
        row = _row(request, pk)
    if not settings.POSTROOM_LAB or not row.domain.endswith(LAB_ZONES):
        raise Http404
    publish_domain(row.domain, row.verification_record[1])
    return verify(request, pk)


@uses_network
@require_POST
@needs(Permission.CONFIGURE)
def verify(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Look the domain up now."""
    with request.enter_scope():
        row = _row(request, pk)
        was_verified = row.is_verified
    row = _verified(request, row)
    if row.is_verified and not was_verified:
        messages.success(
            request, _("{domain} is verified: mail for it is taken from now on.").format(domain=row.domain)
        )
    elif not row.is_verified:
        messages.warning(request, records_of(row)[0].explained.text)
    return redirect_back(request, reverse("console:accepted-domain", args=[pk]))


@require_POST
@needs(Permission.CONFIGURE)
def make_default(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = change_accepted_domain(actor=actor_of(request), domain=_row(request, pk), is_default=True)
    messages.success(request, _("{domain} is the default domain now.").format(domain=row.domain))
    return redirect_back(request, reverse("console:accepted-domains"))


@require_POST
@needs(Permission.CONFIGURE)
def delete(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    remove = partial(delete_accepted_domain, actor=actor_of(request), domain=row)
    try:
        if wants_preview(request):
            effect = preview(request, remove)
            return _detail_page(request, _row(request, pk), effect)
        remove()
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
        return redirect("console:accepted-domain", pk)
    messages.success(request, _("{domain} is removed.").format(domain=row.domain))
    return redirect("console:accepted-domains")


def _row(request: ConsoleRequest, pk: UUID) -> AcceptedDomain:
    return one(accepted_domains(request.membership.tenant_id), pk)


def _verified(request: ConsoleRequest, row: AcceptedDomain) -> AcceptedDomain:
    """Look up and keep the findings; another tenant may have proved the name first."""
    try:
        return verify_accepted_domain(actor=actor_of(request), domain=row)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
        return row
