"""Every request runs inside a database scope: a tenant's, an operator's, or none (design §12.2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from postroom.acting import Acting, acting_of, turn_out
from tenants.access import MembershipEntry, memberships_of, suspensions_of
from tenants.models import User
from tenants.scope import no_tenant, operator_scope, scope

SESSION_TENANT = "tenant"
# Signing in and one's own account belong to no tenant, although the page around them shows one's organisations.
WITHOUT_TENANT = ("/account/", "/sign-in/", "/sign-out/")
View = TypeVar("View", bound=Callable[..., Any])


def manages_scope(view: View) -> View:
    """Mark a view that enters `request.enter_scope()` itself, around its database work only.

    For views that talk to the network, or stream: no transaction may stay open meanwhile.
    """
    view.manages_scope = True  # type: ignore[attr-defined]
    return transaction.non_atomic_requests(view)


def _has_no_tenant(request: HttpRequest) -> bool:
    return request.path.startswith(("/admin/", "/api/", "/healthz", "/readyz", "/metrics", "/static/"))


class ScopeMiddleware:
    """Choose the scope by path and user; the API chooses its own after it has authenticated the key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership = None  # type: ignore[attr-defined]
        request.memberships = []  # type: ignore[attr-defined]
        request.suspension = None  # type: ignore[attr-defined]
        request.acting = None  # type: ignore[attr-defined]
        if (over := self._is_over(request)) is not None:
            return turn_out(request, over)
        if self._manages_itself(request):
            request.enter_scope = self._chooser(request)  # type: ignore[attr-defined]
            return self.get_response(request)
        with self._chooser(request)():
            return self.get_response(request)

    def _manages_itself(self, request: HttpRequest) -> bool:
        try:
            return getattr(resolve(request.path_info).func, "manages_scope", False)
        except Resolver404:
            return False

    def _chooser(self, request: HttpRequest) -> Callable[[], AbstractContextManager[None]]:
        """Return what enters the scope of this request. Who the user is, is read here, outside of any scope."""
        if request.path.startswith(("/api/", "/healthz", "/readyz", "/metrics", "/static/")):
            return nullcontext
        user = request.user
        if isinstance(user, AnonymousUser) or not user.is_active:
            return no_tenant
        if request.path.startswith("/admin/"):
            return operator_scope if user.is_operator else no_tenant
        entry = self._choose_membership(request, user)
        if request.path.startswith(WITHOUT_TENANT):
            return no_tenant
        return (lambda: scope(entry.tenant_id)) if entry else no_tenant

    def _is_over(self, request: HttpRequest) -> Acting | None:
        """Return where an operator was who asks for a page of a tenant's after the time was over."""
        if _has_no_tenant(request) or not request.user.is_authenticated:
            return None
        acting = acting_of(request)
        return acting if acting is not None and acting.is_over else None

    def _choose_membership(self, request: HttpRequest, user: User) -> MembershipEntry | None:
        acting = acting_of(request)
        if acting is not None:
            request.acting = acting  # type: ignore[attr-defined]
            request.memberships = [acting.membership]  # type: ignore[attr-defined]
            request.membership = acting.membership  # type: ignore[attr-defined]
            return acting.membership
        memberships = memberships_of(user)
        chosen = request.session.get(SESSION_TENANT) or (str(user.last_tenant_id) if user.last_tenant_id else "")
        entry = next((m for m in memberships if str(m.tenant_id) == chosen), None)
        if entry is None and (chosen or not memberships):
            # Who wanted one that is suspended is told so, and not silently put into another.
            suspensions = suspensions_of(user)
            wanted = next((one for one in suspensions if str(one.tenant_id) == chosen), None)
            request.suspension = wanted or (suspensions[0] if suspensions and not memberships else None)  # type: ignore[attr-defined]
        if entry is None and memberships and not request.suspension:  # type: ignore[attr-defined]
            entry = memberships[0]
        request.memberships = memberships  # type: ignore[attr-defined]
        request.membership = entry  # type: ignore[attr-defined]
        return entry
