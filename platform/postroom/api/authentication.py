"""Bearer keys: a tenant's key sees its tenant, an operator's names one with X-Postroom-Tenant."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication


class ApiKeyAuthentication(BaseAuthentication):
    pass
