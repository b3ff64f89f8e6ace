"""`python -m bench.tenant SINK_PORT TIMING_PORT WIDE_PORT`: give a fresh platform the tenants of the benchmarks.

A program of its own, because Django's settings are read once: after the platform has made its database.
"""

from __future__ import annotations

import sys
from typing import Any

import django
from django.db import transaction
from django.utils import timezone

django.setup()

from bench.names import SPREAD  # noqa: E402 - models exist only after the set-up
from tenants.actions.actor import SYSTEM  # noqa: E402
from tenants.actions.domains import create_accepted_domain  # noqa: E402
from tenants.actions.mailboxes import AddressInput, create_mailbox  # noqa: E402
from tenants.actions.tenants import create_tenant  # noqa: E402
from tenants.limits import NAMES  # noqa: E402
from tenants.models import AcceptedDomain, Tenant  # noqa: E402
from transport.actions.receive_connectors import (  # noqa: E402
    approve_receive_connector,
    change_receive_connector,
    create_receive_connector,
)
from transport.actions.send_connectors import HostInput, SpaceInput, create_send_connector  # noqa: E402
from transport.models import ReceiveConnector  # noqa: E402

SLUG, DOMAIN = "bench", "bench.example"
NEIGHBOUR, NEIGHBOUR_DOMAIN = "neighbour", "near.example"
OTHER_MAILBOXES = 1000
ROOMY = 100 * 1024**3


@transaction.atomic
def make(sink_port: int, timing_port: int, wide_port: int) -> None:
    tenant = _tenant(SLUG, DOMAIN)
    for name in ("inbox", *(f"other-{number}" for number in range(OTHER_MAILBOXES))):
        address = AddressInput(f"{name}@{DOMAIN}", is_primary=True)
        create_mailbox(actor=SYSTEM, tenant=tenant, display_name=name, addresses=[address], quota=ROOMY)
    _send_to(tenant, "far.example", sink_port)
    _send_to(tenant, "timed.example", timing_port)
    create_send_connector(
        actor=SYSTEM,
        tenant=tenant,
        name=SPREAD,
        usage="custom",
        routing="dns",
        address_spaces=[SpaceInput(f"*.{SPREAD}", 1)],
        port=wide_port,
    )
    open_doors(tenant)
    # Its mail comes from anywhere and goes on to a server of its own.
    neighbour = _tenant(NEIGHBOUR, NEIGHBOUR_DOMAIN, AcceptedDomain.Type.INTERNAL_RELAY)
    _send_to(neighbour, NEIGHBOUR_DOMAIN, timing_port)


def _tenant(slug: str, domain: str, domain_type: str = AcceptedDomain.Type.AUTHORITATIVE) -> Tenant:
    # No limit is to be reached: each is counted and asked for all the same.
    limits: dict[str, Any] = dict.fromkeys(NAMES, 2**31 - 1) | {"max_storage": ROOMY}
    tenant = create_tenant(actor=SYSTEM, slug=slug, **limits)
    accepted = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain=domain, type=domain_type)
    AcceptedDomain.objects.filter(pk=accepted.pk).update(verified_at=timezone.now())  # there is no DNS to prove it by
    return tenant


def _send_to(tenant: Tenant, domain: str, port: int) -> None:
    create_send_connector(
        actor=SYSTEM,
        tenant=tenant,
        name=domain,
        usage="custom",
        routing="smart_hosts",
        address_spaces=[SpaceInput(domain, 1)],
        smart_hosts=[HostInput("127.0.0.1", port)],
    )


def open_doors(tenant: Tenant) -> None:
    """Let the load generator relay, and open as many connections as it wants."""
    relay = create_receive_connector(
        actor=SYSTEM,
        tenant=tenant,
        name="Load",
        remote_ranges=["127.0.0.1/32"],
        max_inbound_connections_per_source=5000,
        max_inbound_connections_percentage_per_source=100,
    )
    approve_receive_connector(actor=SYSTEM, connector=relay)
    for listener in ReceiveConnector.objects.filter(tenant__isnull=True):
        change_receive_connector(
            actor=SYSTEM,
            connector=listener,
            max_inbound_connections_per_source=5000,
            max_inbound_connections_percentage_per_source=100,
        )


if __name__ == "__main__":
    make(*map(int, sys.argv[1:4]))
