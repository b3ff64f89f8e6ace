"""Who may send as a mailbox: granted and taken away one by one, on the mailbox's page."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from postroom.console.requests import ConsoleRequest, actor_of, needs
from postroom.explain import explain_problem
from tenants.access import mailboxes, one
from tenants.actions.send_as import grant_send_as, granted_names, set_send_as
from tenants.permissions import Permission
from tenants.problems import Problem


@require_POST
@needs(Permission.CONFIGURE)
def change(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Take away whom `remove` names; otherwise grant Send As to the mailbox that `address` names."""
    mailbox = one(mailboxes(request.membership.tenant_id), pk)
    removed, added = request.POST.get("remove", ""), request.POST.get("address", "").strip()
    try:
        if removed:
            kept = [name for name in granted_names(mailbox) if name != removed]
            set_send_as(actor=actor_of(request), mailbox=mailbox, addresses=kept)
            done = _("{address} may not send as “{name}” any more.")
        else:
            grant_send_as(actor=actor_of(request), mailbox=mailbox, address=added)
            done = _("{address} may send as “{name}”.")
    except Problem as problem:
        told = explain_problem(problem)
        messages.error(request, f"{told.title}. {told.text}")
    else:
        messages.success(request, done.format(address=removed or added, name=mailbox.display_name))
    return redirect("console:mailbox", mailbox.pk)
