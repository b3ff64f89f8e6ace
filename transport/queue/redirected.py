"""Mail that an administrator sends another way than routing would (Exchange's Redirect-Message, reference §5).

A redirected delivery names the queue that it was put into. While it is in that one, routing again leaves it there; but
it follows its connector, as long as there is one. Mail that was redirected to a server of its own, by no connector,
waits in a queue whose next hop is that server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from transport.message.address import InvalidAddress, domain_to_a
from transport.queue.claim import Claim, ClaimedDelivery
from transport.queue.connector import Connector
from transport.routing.connectors import next_hop, obstacle_of, smart_host_list
from transport.routing.result import DeliveryType, NextHop
from transport.routing.snapshot import ConnectorEntry, Snapshot

_WAYS: Final = "SELECT id, delivery_type, next_hop_domain, connector_id FROM transport_queue WHERE id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Way:
    """The queue that something was redirected to."""

    id: UUID
    delivery_type: str
    next_hop_domain: str
    connector_id: UUID | None


Ways = Mapping[UUID, Way]


async def ways_of(connection: AsyncConnection[Any], claim: Claim) -> Ways:
    """Return the queues that deliveries of a claim were redirected to; no statement where there are none."""
    ids = {one.queue_id for message in claim.messages for one in message.deliveries if one.redirected}
    if not ids:
        return {}
    async with connection.cursor(row_factory=class_row(Way)) as cursor:
        await cursor.execute(_WAYS, [list(ids)])
        return {way.id: way for way in await cursor.fetchall()}


def hop_of(delivery: ClaimedDelivery, ways: Ways, snapshot: Snapshot, tenant_id: UUID, size: int) -> NextHop | None:
    """Return where a redirected delivery goes on to; None where that way is closed and routing decides again."""
    way = ways.get(delivery.queue_id) if delivery.redirected else None
    if way is None:
        return None
    if way.connector_id is None:
        return NextHop(DeliveryType(way.delivery_type), way.next_hop_domain)
    tenant = snapshot.tenants.get(tenant_id)
    connectors = tenant.connectors if tenant else ()
    connector = next((one for one in connectors if one.id == way.connector_id), None)
    if connector is None or not connector.enabled or obstacle_of(connector, snapshot) or not connector.takes(size):
        return None
    return hop_by(connector, delivery.recipient)


def hop_by(connector: ConnectorEntry, recipient: str) -> NextHop:
    """Return the next hop of a recipient by this very connector, whatever its address spaces say."""
    domain = recipient.rpartition("@")[2]
    try:
        return next_hop(connector, domain_to_a(domain))
    except InvalidAddress:
        return next_hop(connector, domain.lower())


def hop_to_host(host: str, port: int) -> NextHop:
    """Return the next hop for mail that is redirected to one server, by no connector."""
    return NextHop(DeliveryType.SMART_HOST_CONNECTOR, smart_host_list(((host, port),)))


def connector_to(next_hop_domain: str) -> Connector:
    """Return what a queue without a connector is sent by: its next hop is the server, and all else is the default."""
    host, port = host_and_port(next_hop_domain)
    return Connector(
        id=UUID(int=0),
        name="",
        routing="smart_hosts",
        port=port,
        fqdn="",
        source_address=None,
        tls="opportunistic",
        auth="none",
        username="",
        password_encrypted=None,
        max_messages_per_connection=20,  # Exchange's SmtpMaxMessagesPerConnection
        config_version=0,
        smart_hosts=[host],
        smart_host_ports=[port],
    )


def host_and_port(text: str, default: int = 25) -> tuple[str, int]:
    """Read `relay.example`, `relay.example:2525`, `[192.0.2.1]:2525`; raises ValueError where the port is none."""
    text = text.strip()
    head, bracket, rest = text.partition("]")
    if bracket and head.startswith("["):
        port = rest.removeprefix(":")
        return head[1:], int(port) if port else default
    if text.count(":") != 1:  # none, or an IPv6 address without brackets
        return text, default
    host, _, port = text.partition(":")
    return host, int(port)
