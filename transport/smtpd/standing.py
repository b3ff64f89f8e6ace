"""For whom a relaying machine speaks: the tenant whose domain its sender is on (design §12.14)."""

from __future__ import annotations

from collections.abc import Sequence

from transport.message.address import Address
from transport.routing.envelope import Client, Origin, Right
from transport.routing.lookup import Incomplete, Lookup, names_above
from transport.routing.snapshot import Need, Snapshot
from transport.smtpd.connectors import Connector


def relaying_client(
    candidates: Sequence[Connector], sender: Address | None, address: str, snapshot: Snapshot
) -> Client | Need | None:
    """Return the client as one of the tenants whose ranges hold its address, None for a stranger.

    The sender must be on a verified domain of that tenant; where the operator granted `accept_any_sender`, on any
    accepted domain of it.
    """
    if sender is None or not sender.domain:
        return None
    lookup = Lookup(snapshot)
    try:
        for connector in candidates:
            if _speaks_for(connector, sender.domain_a, lookup):
                rights = connector.anonymous_rights
                return Client(Origin.RELAY, connector.tenant_id, None, connector.name, address, rights)
    except Incomplete:
        need = lookup.need
        assert need is not None, "what raised Incomplete was noted"
        return need
    return None


def _speaks_for(connector: Connector, domain: str, lookup: Lookup) -> bool:
    assert connector.tenant_id is not None, "an operator's connector relays for nobody"
    tenant = lookup.tenant(connector.tenant_id)
    found = lookup.accepting(domain, tenant)
    if tenant is None or found is None or found[0].id != tenant.id:
        return False
    return found[1].verified or Right.ACCEPT_ANY_SENDER in connector.anonymous_rights


def platform_domain(snapshot: Snapshot) -> str | Need:
    """Return the domain of a bare `<postmaster>` (RFC 5321 4.5.1): our host name, or an accepted one above it."""
    names = names_above(snapshot.hostname)
    missing = frozenset(name for name in names if name not in snapshot.owners)
    if missing:
        return Need(domains=missing)
    return next((name for name in names if snapshot.owners[name] is not None), snapshot.hostname)
