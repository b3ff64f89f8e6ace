"""The send connector that the reason for a delivery's waiting is about.

A delivery keeps the reason's code alone. Which connector stands in the way of an unreachable one depends on the
configuration of the moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from transport.message.address import InvalidAddress, domain_to_a
from transport.queue.configuration import Configuration
from transport.queue.snapshots import decide_now
from transport.routing.connectors import select_connector
from transport.routing.snapshot import ConnectorEntry, Need, Snapshot, TenantSnapshot

ABOUT_A_CONNECTOR: Final = {"route.connector_disabled", "route.loop", "route.no_smart_host"}


def connector_facts(
    reason: str,
    tenant_id: UUID,
    recipient: str,
    *,
    connector_id: UUID | None = None,
    size: int = 0,
    configuration: Configuration | None = None,
) -> Mapping[str, Any]:
    """Return the connector's name and id; a `configuration` saves loading it for each delivery of a page."""
    if not reason or (connector_id is None and reason not in ABOUT_A_CONNECTOR):
        return {}
    tenant = decide_now(lambda snapshot: _tenant(snapshot, tenant_id), configuration)
    if tenant is None:
        return {}
    if connector_id is not None:
        about = next((connector for connector in tenant.connectors if connector.id == connector_id), None)
    else:
        about = _obstacle(tenant, recipient, size)
    return {"connector": about.name, "connector_id": about.id} if about else {}


def chosen_connector(tenant_id: UUID, domain: str) -> ConnectorEntry | None:
    """Return the connector by which a small message for this A-label domain would leave now."""
    tenant = decide_now(lambda snapshot: _tenant(snapshot, tenant_id))
    return select_connector(tenant, domain, 0).connector if tenant else None


def _tenant(snapshot: Snapshot, tenant_id: UUID) -> TenantSnapshot | Need | None:
    if tenant_id not in snapshot.tenants:
        return Need(tenants=frozenset({tenant_id}))
    return snapshot.tenants[tenant_id]


def _obstacle(tenant: TenantSnapshot, recipient: str, size: int) -> ConnectorEntry | None:
    try:
        selection = select_connector(tenant, domain_to_a(recipient.rpartition("@")[2]), size)
    except InvalidAddress:
        return None
    return selection.connector or selection.obstacle
