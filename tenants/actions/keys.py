"""API keys: made, shown once, revoked."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils import timezone

from tenants.access import token_digest
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import ApiKey, Tenant, User
from tenants.names import printable_name


@transaction.atomic
def create_api_key(
    *, actor: Actor, name: str, tenant: Tenant | None, created_by: User | None = None
) -> tuple[ApiKey, str]:
    """Create a key of a tenant, or of the operator where `tenant` is None. Return it and its token, shown once."""
    name = printable_name(name)
    token = f"{'pro' if tenant is None else 'prt'}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        tenant=tenant,
        is_operator=tenant is None,
        name=name,
        prefix=token[:8],
        digest=token_digest(token),
        created_by=created_by,
    )
    audit(actor=actor, tenant=tenant, action="api_key.create", obj=key, after={"name": name, "prefix": key.prefix})
    return key, token


@transaction.atomic
def revoke_api_key(*, actor: Actor, key: ApiKey) -> ApiKey:
    """End a key at once; its row stays for the audit log."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        audit(
            actor=actor,
            tenant=key.tenant_id,
            action="api_key.revoke",
            obj=key,
            before={"revoked_at": None},
            after={"revoked_at": key.revoked_at.isoformat()},
        )
    return key
