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
from django.utils.crypto import salted_hmac

from tenants.access import KeyEntry
from tenants.models import IdempotentRequest
from tenants.problems import Problem
from tenants.secrets import decrypt, encrypt

SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Earlier:
    body: Any
    status: int


def digest_of(method: str, path: str, data: Any) -> str:
    """Return what a request is known by. It may hold a password, so nobody without our key can try guesses."""
    body = json.dumps(data, sort_keys=True, default=str)
    return salted_hmac("postroom.idempotency", f"{method} {path}\n{body}", algorithm="sha256").hexdigest()


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
    body = (
        json.loads(decrypt(row.body[SEALED].encode()))
        if isinstance(row.body, dict) and SEALED in row.body
        else row.body
    )
    return Earlier(body, row.status)


def remember(
    key: KeyEntry, tenant_id: UUID | None, token: str, body: Any, status: int, *, sealed: bool = False
) -> None:
    """Keep an answer for the next time; `sealed` where it holds a secret, which the database must not know."""
    text = json.dumps(body, cls=DjangoJSONEncoder)
    kept = {SEALED: encrypt(text).decode()} if sealed else json.loads(text)
    rows = IdempotentRequest.objects.filter(**_identity(key, tenant_id, token))
    rows.update(body=kept, status=status)


def _identity(key: KeyEntry, tenant_id: UUID | None, token: str) -> dict[str, Any]:
    return {"api_key_id": key.key_id, "tenant_id": tenant_id, "token": token}
