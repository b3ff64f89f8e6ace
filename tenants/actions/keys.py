"""API keys: made, shown once, revoked."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils import timezone

from tenants.access import token_digest
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import ApiKey, Membership, Tenant, User
from tenants.names import printable_name
from tenants.permissions import covers
from tenants.problems import Problem


@transaction.atomic
def create_api_key(
    *,
    actor: Actor,
    name: str,
    tenant: Tenant | None,
    role: str = Membership.Role.OWNER,
    by_role: str | None = None,
    created_by: User | None = None,
) -> tuple[ApiKey, str]:
    """Create a key of a tenant, or of the operator where `tenant` is None. Return it and its token, shown once.

    The key may do what `role` may. `by_role` is its maker's, which the key's may not exceed; None: the platform's.
    """
    name = printable_name(name)
    check_role(role, by_role)
    token = f"{'pro' if tenant is None else 'prt'}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        tenant=tenant,
        is_operator=tenant is None,
        name=name,
        role=role,
        prefix=token[:8],
        digest=token_digest(token),
        created_by=created_by,
    )
    after = {"name": name, "role": role, "prefix": key.prefix}
    audit(actor=actor, tenant=tenant, action="api_key.create", obj=key, after=after)
    return key, token


def check_role(role: str, by_role: str | None) -> None:
    """Raise a Problem where a key may not have this role, or whoever makes it may not give it."""
    if role not in Membership.Role.values:
        raise Problem("api_key.invalid_role", field="role", known=", ".join(Membership.Role.values))
    if by_role is not None and not covers(by_role, role):
        raise Problem("api_key.role_above", field="role", role=role, own=by_role)


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
