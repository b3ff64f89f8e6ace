"""Writing the audit log: each action's row, in the action's own transaction. Secrets never come here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import BinaryField, Model
from django.utils.functional import Promise

from tenants.actions.actor import Actor
from tenants.actions.versions import keep_version
from tenants.models import AuditEvent, Tenant

HIDDEN = {
    "password",
    "verifier",
    "digest",
    "verification_token",
    "dns_findings",
    "used_bytes",
    "uid_next",
}


def audit(
    *,
    actor: Actor,
    tenant: Tenant | UUID | None,
    action: str,
    obj: Model | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Add one row: who did what to which object, and how it looked before and after.

    Where the object is of a kind that keeps versions, its new one is written too (tenants/versioning.py).
    """
    object_id = str(obj.pk) if obj else ""
    reverted_id, reverted_to = actor.reverting or ("", None)
    event = AuditEvent.objects.create(
        tenant_id=tenant.pk if isinstance(tenant, Tenant) else tenant,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        client_address=actor.client_address,
        action=action,
        object_type=obj._meta.model_name or "" if obj else "",
        object_id=object_id,
        object_name=str(obj)[:320] if obj else "",
        before=before,
        after=after,
        reverted_to=reverted_to if obj and reverted_id == object_id else None,
    )
    if obj is not None:
        keep_version(event, obj)
    return event


def snapshot(obj: Model, **related: Any) -> dict[str, Any]:
    """Return a row's own values as JSON-ready data, without secrets; `related` adds what hangs on it."""
    encoder = DjangoJSONEncoder()
    values = {}
    for field in obj._meta.concrete_fields:
        if field.name in HIDDEN or isinstance(field, BinaryField):
            continue
        value = field.value_from_object(obj)
        simple = value is None or isinstance(value, str | int | float | bool | list | dict)
        values[field.name] = value if simple and not isinstance(value, Promise) else encoder.default(value)
    return values | related
