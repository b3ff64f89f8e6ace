"""API keys: with what programs act for the organisation; each is shown once and may be taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, actor_of, allowed, forbidden, needs, tenant_of
from postroom.paging import paginate
from tenants.access import api_keys, one
from tenants.actions.keys import create_api_key, revoke_api_key
from tenants.models import Membership
from tenants.permissions import Permission, covers
from tenants.problems import Problem

ROLE_HELP = {
    Membership.Role.OWNER: gettext_lazy("everything in this organisation"),
    Membership.Role.ADMIN: gettext_lazy("domains, mailboxes, connectors, queues, members, sending for any mailbox"),
    Membership.Role.HELPDESK: gettext_lazy("reads configuration and mail flow, gives mail programs their passwords"),
    Membership.Role.AUDITOR: gettext_lazy("reads everything with the audit log, changes nothing"),
}


class KeyForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("What is it for?"),
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Nightly report"), "autocomplete": "off"}),
        help_text=gettext_lazy("One for each program, so that one can be shut out alone."),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("What may it do?"), widget=forms.RadioSelect, initial=Membership.Role.AUDITOR
    )

    def __init__(self, data: Any = None, *, by_role: str) -> None:
        super().__init__(data)
        offered = [(role.value, f"{role.label}: {told}") for role, told in ROLE_HELP.items() if covers(by_role, role)]
        self.fields["role"].choices = offered  # type: ignore[attr-defined]


@never_cache
@needs(Permission.VIEW_AUDIT)
def index(request: ConsoleRequest) -> HttpResponse:
    """Show the keys, and make one; its token is in this answer only."""
    if request.method == "POST" and not allowed(request, Permission.MANAGE_KEYS):
        return forbidden(request)
    role = request.membership.role
    form = KeyForm(request.POST or None, by_role=role)
    made: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            key, token = create_api_key(
                actor=actor_of(request),
                tenant=tenant_of(request),
                by_role=role,
                created_by=request.user,
                **form.cleaned_data,
            )
        except Problem as problem:
            form.add_problem(problem)
        else:
            made = {"token": token, "made_for": key.name}
            form = KeyForm(by_role=role)
    rows = api_keys(request.membership.tenant_id).select_related("created_by")
    context = {"form": form, "page": paginate(request, rows, ["-id"])} | made
    status = 422 if form.errors or form.problem else 200
    return render(request, "console/api_keys/index.html", context, status=status)


@require_POST
@needs(Permission.MANAGE_KEYS)
def revoke(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = revoke_api_key(actor=actor_of(request), key=one(api_keys(request.membership.tenant_id), pk))
    messages.success(request, _("The key “{name}” does not work any more.").format(name=row.name))
    return redirect("console:api-keys")
