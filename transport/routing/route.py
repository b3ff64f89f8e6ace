"""Routing as a pure function: where every recipient of an envelope goes, and why; Exchange's categorizer."""

from __future__ import annotations

from uuid import UUID

from transport.routing.envelope import Envelope
from transport.routing.lookup import Incomplete, Lookup
from transport.routing.recipients import Destination, expect_recipient, route_recipient
from transport.routing.result import RoutedMessage, RoutedRecipient, Routing
from transport.routing.senders import Standing, expect_sender, judge_sender
from transport.routing.snapshot import Need, Snapshot, TenantSnapshot
from transport.routing.trace import StepKind, Trace, Verdict
from transport.routing.wording import gettext_noop as _


def route(envelope: Envelope, snapshot: Snapshot) -> Routing | Need:
    """Return the decision, or what is needed to reach it: at most three Needs, whatever the envelope.

    The first one names the client's tenant, the sender's address and the owners of all domains, the second the
    tenants that own them, the third the addresses in them.
    """
    lookup, trace = Lookup(snapshot), Trace()
    try:
        standing = judge_sender(envelope, lookup, trace)
    except Incomplete:
        return _all_needed(envelope, lookup)
    if standing.refusal is not None:
        refused = tuple(RoutedRecipient(one, one, None, standing.refusal) for one in envelope.recipients)
        return Routing((), refused, trace, (), standing.refusal)
    destinations = _destinations(envelope, standing, lookup, trace)
    return lookup.need or _gathered(destinations, standing.tenant, trace)


def _destinations(envelope: Envelope, standing: Standing, lookup: Lookup, trace: Trace) -> list[Destination]:
    """Decide each recipient; one that lacks something does not keep the others from saying what they lack."""
    destinations = []
    for original in envelope.recipients:
        try:
            destinations.append(route_recipient(original, standing, envelope.size, lookup, trace))
        except Incomplete:
            continue
    return destinations


def _all_needed(envelope: Envelope, lookup: Lookup) -> Need:
    """Collect for the recipients too while the sender cannot be judged yet."""
    expect_sender(envelope, lookup)
    client, tenants = envelope.client, lookup.snapshot.tenants
    if client.tenant_id is not None and client.tenant_id not in tenants:
        for original in envelope.recipients:
            expect_recipient(original, lookup)
    else:
        tenant = tenants[client.tenant_id] if client.tenant_id is not None else None
        _destinations(envelope, Standing(client, envelope.sender, tenant), lookup, Trace())
    need = lookup.need
    assert need is not None, "what raised Incomplete was noted"
    return need


def _gathered(destinations: list[Destination], own: TenantSnapshot | None, trace: Trace) -> Routing:
    """Make one message of each tenant's recipients, the sender's own tenant's first (design §12.4)."""
    parts: dict[UUID, list[RoutedRecipient]] = {} if own is None else {own.id: []}
    refused: list[RoutedRecipient] = []
    merged: list[RoutedRecipient] = []
    seen: dict[tuple[UUID, UUID | str], str] = {}
    for tenant, recipient in destinations:
        if recipient.refusal is not None or tenant is None:
            refused.append(recipient)
            continue
        key = (tenant.id, recipient.mailbox_id or recipient.address)
        first = seen.get(key)
        if first is not None:
            trace.add(StepKind.RECIPIENT, recipient.original, Verdict.MERGED, _MERGED, {"first": first}, part=tenant.id)
            merged.append(recipient)
            continue
        seen[key] = recipient.original
        parts.setdefault(tenant.id, []).append(recipient)
    own_id = own.id if own is not None else None
    messages = tuple(RoutedMessage(part, part != own_id, tuple(found)) for part, found in parts.items() if found)
    return Routing(messages, tuple(refused), trace, tuple(merged))


_MERGED = _("Leads where {first} already does: one copy is enough.")
