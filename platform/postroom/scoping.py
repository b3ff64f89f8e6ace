"""Every request runs inside a database scope: a tenant's, an operator's, or none (design §12.2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from tenants.access import memberships_of
from tenants.models import User
from tenants.scope import no_tenant, operator_scope, scope

SESSION_TENANT = "tenant"


class ScopeMiddleware:
    """Choose the scope by path and user; the API chooses its own after it has authenticated the key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with self.scope_for(request):
            return self.get_response(request)

    def scope_for(self, request: HttpRequest) -> AbstractContextManager[None]:
        request.membership = None  # type: ignore[attr-defined]
        if request.path.startswith(("/api/", "/healthz", "/readyz", "/static/")):
            return no_tenant()
        user = request.user
        if isinstance(user, AnonymousUser) or not user.is_active:
            return no_tenant()
        if request.path.startswith("/admin/"):
            return operator_scope() if user.is_operator else no_tenant()
        return self.scope_of_member(request, user)

    def scope_of_member(self, request: HttpRequest, user: User) -> AbstractContextManager[None]:
        memberships = memberships_of(user)
        chosen = request.session.get(SESSION_TENANT)
        entry = next((m for m in memberships if str(m.tenant_id) == chosen), memberships[0] if memberships else None)
        request.memberships = memberships  # type: ignore[attr-defined]
        request.membership = entry  # type: ignore[attr-defined]
        return scope(UUID(str(entry.tenant_id))) if entry else no_tenant()
