"""The limits as the console and the API keep them: what the database says now, within the request's transaction.

Two requests at the same moment may both find room for one more: as many too many as there are web workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tenants.limits import Limits
from tenants.problems import Problem
from transport.queue.configuration import Configuration
from transport.routing.envelope import Client, Origin
from transport.routing.recipients import ROLE_NAMES
from transport.routing.result import MAILBOX_HOP, RoutedMessage, RoutedRecipient, Routing
from transport.usage.count import Key
from transport.usage.counting import counts_now, load_now
from transport.usage.meter import Load
from transport.usage.parties import RECEIVED, sender_keys
from transport.usage.rules import SOME_TIME, Excess, incoming_excess, queue_excess, sending_excess, storage_excess

# Reasons to come again later: what is refused for one of them is right, and too much for now.
TOO_MUCH: Final = frozenset(
    {
        "tenant.rate",
        "mailbox.rate",
        "tenant.incoming_rate",
        "tenant.queue_full",
        "tenant.storage_full",
        "validate.too_often",
    }
)


def seconds_until_retry(problem: Problem) -> int:
    """Return after how many seconds it makes sense to come again."""
    retry_at = problem.facts.get("retry_at")
    if not isinstance(retry_at, str):
        return SOME_TIME
    return max(1, int((datetime.fromisoformat(retry_at) - datetime.now(UTC)).total_seconds()) + 1)


def check_sending(client: Client, limits: Limits, recipients: int) -> None:
    """Raise Problem where the client's tenant or mailbox may not send so much more now; in the tenant's scope."""
    keys = sender_keys(client)
    if keys is None:
        return
    wanted = [keys.tenant] if keys.mailbox is None else [keys.tenant, keys.mailbox]
    counts = counts_now(wanted)
    mailbox = counts[keys.mailbox] if keys.mailbox is not None else None
    excess = sending_excess(limits, counts[keys.tenant], mailbox, messages=1, recipients=recipients)
    if excess is not None:
        raise Problem(excess.reason_code, **excess.refusal().facts)


def refused_by_limits(client: Client, routing: Routing, configuration: Configuration) -> tuple[RoutedRecipient, ...]:
    """Return the recipients that a limit of their tenant's keeps from being taken. Needs to see all tenants."""
    if client.origin is Origin.NOTICE:
        return ()
    return tuple(one for part in routing.messages for one in _refused(part, configuration))


def _refused(part: RoutedMessage, configuration: Configuration) -> Iterator[RoutedRecipient]:
    limits, load = configuration.terms[part.tenant_id].limits, load_now(part.tenant_id)
    arriving = _incoming(part.tenant_id, limits) if part.incoming else None
    for recipient in part.recipients:
        excess = arriving or _holding(part, recipient, limits, load)
        if excess is not None:
            refusal = excess.refusal(recipient=recipient.original)
            yield RoutedRecipient(recipient.original, recipient.original, None, refusal)


def _incoming(tenant_id: UUID, limits: Limits) -> Excess | None:
    key = Key.of_tenant(tenant_id, RECEIVED)
    return incoming_excess(limits, counts_now([key])[key])


def _holding(part: RoutedMessage, recipient: RoutedRecipient, limits: Limits, load: Load) -> Excess | None:
    if recipient.next_hop is not MAILBOX_HOP:
        return queue_excess(limits, load.queued, from_outside=part.incoming)
    if recipient.original.partition("@")[0].lower() in ROLE_NAMES:
        return None
    return storage_excess(limits, load.stored)
