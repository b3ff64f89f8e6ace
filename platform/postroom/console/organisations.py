"""The organisations that somebody belongs to: choosing the one to work in, and leaving one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from postroom.console.requests import ConsoleRequest, actor_of, needs, redirect_back
from postroom.explain import explain_problem
from postroom.scoping import SESSION_TENANT
from tenants.actions.memberships import leave_tenant
from tenants.models import Membership, User
from tenants.permissions import Permission
from tenants.problems import Problem
from tenants.scope import scope


@needs(*Permission)
def index(request: ConsoleRequest) -> HttpResponse:
    return render(request, "console/organisations/index.html")


@require_POST
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another organisation of the user's from now on, and after the next sign-in.

    Also from one that is suspended, which nothing else can be done in.
    """
    assert isinstance(request.user, User)
    wanted = request.POST.get("tenant", "")
    entry = next((one for one in request.memberships if str(one.tenant_id) == wanted), None)  # type: ignore[attr-defined]
    if entry is not None:
        request.session[SESSION_TENANT] = wanted
        User.objects.filter(pk=request.user.pk).update(last_tenant_id=entry.tenant_id)
        messages.success(request, _("You work in {tenant} now.").format(tenant=entry.name))
    return redirect_back(request, "/")


@require_POST
@needs(*Permission)
def leave(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """End one's own membership of an organisation, which need not be the one that one works in."""
    entry = next((one for one in request.memberships if one.tenant_id == pk), None)
    if entry is None or request.acting is not None:  # an operator who acts there is no member
        raise Http404
    try:
        with scope(entry.tenant_id):
            row = Membership.objects.select_related("user", "tenant").get(tenant_id=pk, user=request.user)
            leave_tenant(actor=actor_of(request), membership=row)
    except Problem as problem:
        told = explain_problem(problem)
        return render(request, "console/organisations/index.html", {"told": told}, status=422)
    if request.session.get(SESSION_TENANT) == str(pk):
        del request.session[SESSION_TENANT]
    messages.success(request, _("You have left {tenant}.").format(tenant=entry.name))
    return redirect("console:organisations" if len(request.memberships) > 1 else "console:overview")
