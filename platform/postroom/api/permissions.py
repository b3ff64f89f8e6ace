"""What a key may do: a tenant's key everything in its tenant, an operator's everything in the tenant it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from typing_extensions import override

from tenants.access import KeyEntry

if TYPE_CHECKING:  # rest_framework.views loads its permission classes from here
    from rest_framework.views import APIView


class HasTenant(BasePermission):
    """Any valid key; which tenant it means is settled when the scope is entered (scoped.py)."""

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, KeyEntry)


class IsOperator(BasePermission):
    message = "Only an operator's key may do this."

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, KeyEntry) and request.auth.is_operator
