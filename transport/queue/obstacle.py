"""The send connector that stands in the way of an unreachable message.

A delivery keeps the reason code alone: which connector it is about depends on the configuration of the moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from transport.message.address import InvalidAddress, domain_to_a
from transport.queue.configuration import Configuration
from transport.queue.snapshots import decide_now
from transport.routing.connectors import Selection, select_connector
from transport.routing.snapshot import Need, Snapshot

ABOUT_A_CONNECTOR: Final = {"route.connector_disabled", "route.loop", "route.no_smart_host"}


def obstacle_facts(
    reason: str, tenant_id: UUID, recipient: str, size: int = 0, configuration: Configuration | None = None
) -> Mapping[str, Any]:
    """Return the connector's name and id where the reason is about one; a `configuration` saves loading it again."""
    if reason not in ABOUT_A_CONNECTOR:
        return {}
    try:
        domain = domain_to_a(recipient.rpartition("@")[2])
    except InvalidAddress:
        return {}
    selection = decide_now(lambda snapshot: _select(snapshot, tenant_id, domain, size), configuration)
    about = selection.connector or selection.obstacle
    return {"connector": about.name, "connector_id": about.id} if about else {}


def _select(snapshot: Snapshot, tenant_id: UUID, domain: str, size: int) -> Selection | Need:
    if tenant_id not in snapshot.tenants:
        return Need(tenants=frozenset({tenant_id}))
    tenant = snapshot.tenants[tenant_id]
    return select_connector(tenant, domain, size) if tenant is not None else Selection(None)
