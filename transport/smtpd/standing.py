"""For whom a relaying machine speaks: the tenant whose domain its sender is on (design §12.14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transport.message.address import Address
from transport.routing.envelope import Client, Door, Origin
from transport.routing.lookup import Incomplete, Lookup, names_above
from transport.routing.relay import Holding, choose_relay
from transport.routing.snapshot import Need, Snapshot


def relaying_client(
    stranger: Client, holdings: Sequence[Holding], sender: Address | None, snapshot: Snapshot
) -> Client | Need:
    """Return the client as one of the tenants whose permissions it has, or as the stranger that it is without them.

    The sender must be on a verified domain of that tenant; where the operator granted `accept_any_sender`, on any
    accepted domain of it. Either way the client's door tells what was said of each permission.
    """
    lookup = Lookup(snapshot)
    try:
        choice = choose_relay(holdings, sender, stranger.address or "", lookup)
    except Incomplete:
        need = lookup.need
        assert need is not None, "what raised Incomplete was noted"
        return need
    before = stranger.door or Door(stranger.connector)
    door = replace(before, relays=choice.considered)
    found = choice.entry
    if found is None:
        return Client(Origin.ANONYMOUS, None, None, stranger.connector, stranger.address, stranger.rights, door)
    return Client(Origin.RELAY, found.tenant_id, None, found.name, stranger.address, found.rights, door, found.id)


def platform_domain(snapshot: Snapshot) -> str | Need:
    """Return the domain of a bare `<postmaster>` (RFC 5321 4.5.1): our host name, or an accepted one above it."""
    names = names_above(snapshot.hostname)
    missing = frozenset(name for name in names if name not in snapshot.owners)
    if missing:
        return Need(domains=missing)
    return next((name for name in names if snapshot.owners[name] is not None), snapshot.hostname)
