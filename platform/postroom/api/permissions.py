"""What a key may do."""

from __future__ import annotations

from rest_framework.permissions import BasePermission


class HasTenant(BasePermission):
    pass
