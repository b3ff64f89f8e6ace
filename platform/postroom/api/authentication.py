"""Bearer keys (RFC 6750): a tenant's key sees its tenant, an operator's names one with X-Postroom-Tenant."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from typing_extensions import override

from tenants.access import KeyEntry, find_api_key, suspension_of_key
from tenants.problems import Problem

KEY_ENDS = "This key is unknown or was revoked."


class KeyHolder:
    """Who a key speaks for; stands where DRF keeps the user."""

    is_authenticated = True
    is_anonymous = False

    def __init__(self, key: KeyEntry) -> None:
        self.key = key
        self.pk = key.key_id


class ApiKeyAuthentication(BaseAuthentication):
    @override
    def authenticate(self, request: Request) -> tuple[KeyHolder, KeyEntry] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer" or not token.strip():
            raise AuthenticationFailed("Write Authorization: Bearer <key>.")
        key = find_api_key(token.strip())
        if key is None:
            suspension = suspension_of_key(token.strip())
            if suspension is not None:
                raise Problem("api.tenant_suspended", name=suspension.name, why=suspension.reason)
            raise AuthenticationFailed(KEY_ENDS)
        return KeyHolder(key), key

    @override
    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="postroom"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiKeyAuthentication
    name = "apiKey"

    @override
    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of a tenant, or of the operator."}
