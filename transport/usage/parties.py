"""Who is counted for a message, and for what: its sender's tenant and mailbox, and each tenant it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from transport.models.usage import Direction
from transport.routing.envelope import Client, Origin
from transport.routing.result import Routing
from transport.usage.count import Key, Sum

SENT = Direction.SENT.value
RECEIVED = Direction.RECEIVED.value


@dataclass(frozen=True, slots=True)
class SenderKeys:
    """The counts that a sending client adds to."""

    tenant: Key
    mailbox: Key | None


def sender_keys(client: Client) -> SenderKeys | None:
    """Return whose sending this is; None for strangers, and for notices, which the platform sends itself."""
    if client.tenant_id is None or client.origin is Origin.NOTICE:
        return None
    return _keys_of(client.tenant_id, client.mailbox_id)


@lru_cache(maxsize=16_384)
def _keys_of(tenant_id: UUID, mailbox_id: UUID | None) -> SenderKeys:
    mailbox = Key.of_mailbox(tenant_id, mailbox_id, SENT) if mailbox_id is not None else None
    return SenderKeys(Key.of_tenant(tenant_id, SENT), mailbox)


def sums_of(client: Client, routing: Routing, size: int) -> Iterator[tuple[Key, Sum]]:
    """Yield what a message adds to whose count: once for its sender, and for each tenant that it comes to."""
    keys = sender_keys(client)
    if keys is not None:
        recipients = sum(len(part.recipients) for part in routing.messages)
        yield keys.tenant, Sum(1, recipients, size)
        if keys.mailbox is not None:
            yield keys.mailbox, Sum(1, recipients, size)
    for part in routing.messages:
        if part.incoming and client.origin is not Origin.NOTICE:
            yield Key.of_tenant(part.tenant_id, RECEIVED), Sum(1, len(part.recipients), size)
