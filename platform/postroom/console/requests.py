"""What a console view is given and who may call it: the signed-in user, the tenant, the actor for actions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from postroom.acting import Acting
from postroom.scoping import manages_scope
from tenants.access import MembershipEntry, SuspensionEntry
from tenants.actions.actor import Actor
from tenants.models import Tenant, User
from tenants.permissions import Permission, may

P = ParamSpec("P")


class ConsoleRequest(HttpRequest):
    """A request as the middleware leaves it; never made by hand."""

    user: User
    membership: MembershipEntry
    memberships: list[MembershipEntry]
    suspension: SuspensionEntry | None
    acting: Acting | None
    htmx: HtmxDetails
    enter_scope: Callable[[], AbstractContextManager[None]]


ConsoleView = Callable[Concatenate[ConsoleRequest, P], HttpResponse]


def needs(
    *permissions: Permission,
) -> Callable[[ConsoleView[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """Let only those call a view who are signed in, in a tenant, with a role that has one of the permissions."""

    def wrap(view: ConsoleView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            membership: MembershipEntry | None = request.membership  # type: ignore[attr-defined]
            if membership is None and request.suspension is not None:  # type: ignore[attr-defined]
                context = {"operator_address": settings.POSTROOM_ADMIN_EMAIL}
                return render(request, "console/suspended.html", context, status=403)
            if membership is None and request.user.is_operator and is_front_door(request):
                return redirect("admin:index")
            if membership is None:
                return render(request, "console/no_organisation.html", status=403)
            if not any(may(membership.role, permission) for permission in permissions):
                return forbidden(request)
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # the middleware made it one

        return guarded

    return wrap


def is_front_door(request: HttpRequest) -> bool:
    """Return whether somebody opens the console as such, rather than a page of it."""
    return request.method == "GET" and request.path == reverse("console:overview")


def in_tenants_time_zone(view: ConsoleView[P]) -> ConsoleView[P]:
    """Show and read times in the tenant's zone within a view; it stands below `needs`, inside the scope."""

    @wraps(view)
    def zoned(request: ConsoleRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        name = Tenant.objects.filter(pk=request.membership.tenant_id).values_list("time_zone", flat=True).get()
        with timezone.override(ZoneInfo(name)):
            return view(request, *args, **kwargs)

    return zoned


def uses_network(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Mark a view that enters `request.enter_scope()` itself, around its database work only."""
    return manages_scope(view)


def tenant_of(request: ConsoleRequest) -> Tenant:
    """Return the tenant that the request is about, inside its scope."""
    return Tenant.objects.get(pk=request.membership.tenant_id)


def actor_of(request: ConsoleRequest) -> Actor:
    """Return who acts: the person signed in, or an operator acting for the tenant, who is told as such."""
    if request.acting is not None:
        return request.acting.actor(request)
    return Actor.user(request.user, request.META.get("REMOTE_ADDR") or None)


def allowed(request: ConsoleRequest, permission: Permission) -> bool:
    return may(request.membership.role, permission)


def forbidden(request: HttpRequest) -> HttpResponse:
    """Answer to somebody whose role does not allow it, within a page that shows to some what others may change."""
    return render(request, "console/forbidden.html", status=403)


def next_page(request: HttpRequest, default: str) -> str:
    """Return where the form asked to go on to, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else default


def redirect_back(request: HttpRequest, default: str) -> HttpResponse:
    return HttpResponseRedirect(next_page(request, default))
