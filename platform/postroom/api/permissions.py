"""What a key may do: a tenant's key what its role may, an operator's everything in the tenant it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from typing_extensions import override

from tenants.access import KeyEntry
from tenants.permissions import Permission, may, roles_with
from tenants.problems import Problem

if TYPE_CHECKING:  # rest_framework.views loads its permission classes from here
    from rest_framework.views import APIView

    from postroom.api.scoped import ScopedView


class RoleAllows(BasePermission):
    """A valid key whose role has the permission that the view asks for; which tenant it means is settled later."""

    @override
    def has_permission(self, request: Request, view: ScopedView) -> bool:  # type: ignore[override]
        key = request.auth
        if not isinstance(key, KeyEntry):
            return False
        if not key.is_operator and not may(key.role, view.permission_needed):
            raise permission_lacking(key.role, view.permission_needed)
        return True


def permission_lacking(role: str, permission: Permission) -> Problem:
    """Return the refusal that says which permission is missing, and who can give it."""
    return Problem(
        "api.permission_lacking",
        role=role,
        permission=permission.value,
        roles=", ".join(roles_with(permission)),
        makers=", ".join(roles_with(permission, Permission.MANAGE_KEYS)),
    )


class IsOperator(BasePermission):
    message = "Only an operator's key may do this."

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, KeyEntry) and request.auth.is_operator
