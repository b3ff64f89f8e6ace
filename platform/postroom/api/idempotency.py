"""Idempotency-Key: a POST that is sent twice acts once, and is answered twice with the same words.

The key's row is inserted in the same transaction as the change, so a second request waits for the first
one's commit and then finds its answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

from tenants.access import KeyEntry
from tenants.models import IdempotentRequest
from tenants.problems import Problem


@dataclass(frozen=True, slots=True)
class Earlier:
    body: Any
    status: int


def recall(key: KeyEntry, tenant_id: UUID | None, token: str, digest: str) -> Earlier | None:
    """Return the answer that this key had for this token, or None and take the token for this request.

    Raises Problem("api.idempotency_conflict") where the token came with another request before.
    """
    if len(token) > 255:
        raise Problem("api.invalid", field="Idempotency-Key")
    row, made = IdempotentRequest.objects.get_or_create(**_identity(key, tenant_id, token), defaults={"digest": digest})
    if made:
        return None
    if row.digest != digest:
        raise Problem("api.idempotency_conflict", key=token)
    return Earlier(row.body, row.status)


def remember(key: KeyEntry, tenant_id: UUID | None, token: str, digest: str, body: Any, status: int) -> None:
    plain = json.loads(json.dumps(body, cls=DjangoJSONEncoder))
    rows = IdempotentRequest.objects.filter(**_identity(key, tenant_id, token))
    rows.update(body=plain, status=status)


def _identity(key: KeyEntry, tenant_id: UUID | None, token: str) -> dict[str, Any]:
    return {"api_key_id": key.key_id, "tenant_id": tenant_id, "token": token}
