"""A tenant's configuration as JSON, piece by piece: whatever the number of mailboxes, a few hundred are in memory.

The format is FORMAT at VERSION: an object with `format`, `version`, `exported_at`, `organisation`, and a list for each
kind of object. A reader of version 1 may meet further fields and lists, and never others with these names. It holds
no password, no verifier, no key and no token, in whatever form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils import timezone

from tenants.actions.audit import snapshot
from tenants.models import AcceptedDomain, ApiKey, Mailbox, Membership, SendAsGrant, Tenant
from tenants.scope import scope
from transport.models import ReceiveConnector, SendConnector

FORMAT: Final = "postroom-organisation"
VERSION: Final = 1
BATCH: Final = 500
_LEFT_OUT: Final = frozenset({"tenant", "deletion_counts", "expiry_paused_until", "deletion_by_operator"})

Picture = dict[str, Any]


def configuration_json(tenant_id: UUID) -> Iterator[bytes]:
    """Yield the document; each batch is read in a scope of its own, so no transaction stays open meanwhile."""
    with scope(tenant_id):
        tenant = Tenant.objects.get(pk=tenant_id)
        head = {"format": FORMAT, "version": VERSION, "exported_at": timezone.now(), "organisation": _plain(tenant)}
    yield _dumped(head)[:-2].encode()
    for name, rows, picture in LISTS:
        yield f',\n  "{name}": ['.encode()
        separator = "\n"
        for batch in in_batches(tenant_id, rows):
            text = ",\n".join(_indented(picture(row)) for row in batch)
            yield (separator + text).encode()
            separator = ",\n"
        yield b"\n  ]"
    yield b"\n}\n"


def in_batches(tenant_id: UUID, rows: Callable[[], QuerySet[Any]], size: int = BATCH) -> Iterator[list[Any]]:
    """Yield a tenant's rows in the order of their ids; what hangs on a row is read with its batch."""
    after: UUID | None = None
    while True:
        with scope(tenant_id):
            wanted = rows().filter(tenant_id=tenant_id).order_by("pk")
            batch = list(wanted.filter(pk__gt=after)[:size] if after else wanted[:size])
        if not batch:
            return
        yield batch
        after = batch[-1].pk


def _plain(row: Model) -> Picture:
    return {name: value for name, value in snapshot(row).items() if name not in _LEFT_OUT}


def _mailbox(row: Mailbox) -> Picture:
    addresses = [{"address": str(one), "is_primary": one.is_primary} for one in row.addresses.all()]
    return _plain(row) | {"used_bytes": row.used_bytes, "addresses": addresses}


def _member(row: Membership) -> Picture:
    return _plain(row) | {"email": row.user.email, "name": row.user.name}


def _send_connector(row: SendConnector) -> Picture:
    return _plain(row) | {
        "address_spaces": [
            {"type": "SMTP", "pattern": one.pattern, "cost": one.cost} for one in row.address_spaces.all()
        ],
        "smart_hosts": [{"host": one.host, "port": one.port} for one in row.smart_hosts.all()],
    }


def _api_key(row: ApiKey) -> Picture:
    return {"id": str(row.pk), "name": row.name, "created_at": row.created_at, "revoked_at": row.revoked_at}


LISTS: Final[tuple[tuple[str, Callable[[], QuerySet[Any]], Callable[[Any], Picture]], ...]] = (
    ("accepted_domains", AcceptedDomain.objects.all, _plain),
    ("mailboxes", lambda: Mailbox.objects.prefetch_related("addresses"), _mailbox),
    ("send_as_grants", SendAsGrant.objects.all, _plain),
    (
        "send_connectors",
        lambda: SendConnector.objects.prefetch_related("address_spaces", "smart_hosts"),
        _send_connector,
    ),
    ("receive_connectors", ReceiveConnector.objects.all, _plain),
    ("members", lambda: Membership.objects.select_related("user"), _member),
    ("api_keys", ApiKey.objects.all, _api_key),
)


def _dumped(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _indented(picture: Picture) -> str:
    return "\n".join(f"    {line}" for line in _dumped(picture).splitlines())
