"""Whether a next hop is this platform itself, as far as that shows without asking DNS."""

from __future__ import annotations

import ipaddress
from typing import Final

from django.conf import settings

from transport.actions.clients import listening_ports
from transport.queue.configuration import own_endpoints
from transport.queue.connector import own_addresses

# Where the world reaches us, whatever port a firewall or a load balancer leads it to.
PUBLIC_PORTS: Final = frozenset({25, 465, 587})


def is_our_listener(host: str, port: int) -> bool:
    """Say whether mail for this host and port would come in here again; `host` is in its stored form."""
    hostname = settings.POSTROOM_HOSTNAME.lower()
    bindings = listening_ports()
    ports = {binding.port for binding in bindings} | {own for _, own in own_endpoints(hostname)}
    if host.lower() in {hostname, "localhost"}:
        return port in ports | PUBLIC_PORTS
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if str(address) in own_addresses():
        return True
    is_here = address.is_loopback or (str(address), port) in own_endpoints(hostname)
    return port in ports and (is_here or any(binding.address == address for binding in bindings))
