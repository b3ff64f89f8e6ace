"""A send connector as the sending side wants it: its hosts, its options, and what it knows of itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg import AsyncConnection

from tenants.secrets import decrypt
from transport.delivery.error_policies import ErrorPolicy, parse_policies
from transport.delivery.options import (
    Credentials,
    Endpoint,
    HopOptions,
    Network,
    Timeouts,
    TlsMode,
    TlsPolicy,
    TlsVerify,
)
from transport.delivery.ssrf import canonical
from transport.dns.failures import DnsFailure, MailLoop, NoSmartHost
from transport.dns.mx import MxLookup, resolve_mx, without_ourselves
from transport.dns.resolver import Resolver
from transport.queue.configuration import own_endpoints
from transport.queue.slots import PER_HOST

# A dead host must not hold a place for long: other endpoints, or the next retry, come sooner than RFC 5321's limits.
TIMEOUTS: Final = Timeouts(opening=60.0, connect=15.0, greeting=60.0, helo=60.0)

CAPPED: Final = ("greeting", "helo", "tls", "auth", "envelope", "block", "final")
TLS_LEVELS: Final = {
    "none": (TlsMode.NONE, TlsVerify.ENCRYPTION),
    "opportunistic": (TlsMode.OPPORTUNISTIC, TlsVerify.ENCRYPTION),
    "required": (TlsMode.REQUIRED, TlsVerify.ENCRYPTION),
    "certificate_validation": (TlsMode.REQUIRED, TlsVerify.CERTIFICATE),
    "domain_validation": (TlsMode.REQUIRED, TlsVerify.DOMAIN),
}

_LOAD: Final = """
SELECT c.id, c.name, c.routing, c.port, c.fqdn, host(c.source_address), c.tls, c.auth, c.username, c.password_encrypted,
  c.max_messages_per_connection, t.config_version,
  ARRAY(SELECT h.host FROM transport_smarthost h WHERE h.connector_id = c.id ORDER BY h.position, h.host),
  ARRAY(SELECT coalesce(h.port, c.port) FROM transport_smarthost h WHERE h.connector_id = c.id
        ORDER BY h.position, h.host),
  c.protocol, c.tls_domain, c.connect_timeout, c.connection_inactivity_timeout, c.max_connections_per_host,
  c.error_policies
FROM transport_sendconnector c JOIN tenants_tenant t ON t.id = c.tenant_id WHERE c.id = %s AND c.enabled
"""


@dataclass(frozen=True, slots=True)
class Connector:
    """One row with its smart hosts; the password stays encrypted until a connection wants it."""

    id: UUID
    name: str
    routing: str
    port: int
    fqdn: str
    source_address: str | None
    tls: str
    auth: str
    username: str
    password_encrypted: bytes | None
    max_messages_per_connection: int
    config_version: int
    smart_hosts: list[str]
    smart_host_ports: list[int]
    protocol: str = "smtp"
    tls_domain: str = ""
    connect_timeout: timedelta = timedelta(seconds=15)
    inactivity_timeout: timedelta = timedelta(minutes=10)
    max_connections_per_host: int = PER_HOST
    error_policies: Sequence[str] = ()

    def options(self, domain: str) -> HopOptions:
        """Return how to talk to the next hop of a domain's mail."""
        hostname = settings.POSTROOM_HOSTNAME
        return HopOptions(
            helo_name=self.fqdn or hostname,
            source_address=self.source_address,
            tls=self._tls_policy(domain),
            auth=self._credentials,
            timeouts=self._timeouts,
            lmtp=self.protocol == "lmtp",
            allowed_networks=allowed_networks(tuple(settings.POSTROOM_PRIVATE_NETWORKS)),
            routes=lab_routes(settings.POSTROOM_LAB_ROUTES),
            own_names=frozenset({hostname.lower()}),
            own_addresses=own_addresses(),
        )

    @property
    def policies(self) -> tuple[ErrorPolicy, ...]:
        return parse_policies(tuple(self.error_policies))

    def _tls_policy(self, domain: str) -> TlsPolicy:
        mode, verify = TLS_LEVELS[self.tls]
        name = None
        if verify is TlsVerify.DOMAIN:
            # As Exchange: the name that was given, else the recipient's domain. A smart host's is its own.
            name = self.tls_domain or (domain if self.routing == "dns" else None)
        return TlsPolicy(mode, verify, name, settings.POSTROOM_CA_FILE or None)

    @property
    def _timeouts(self) -> Timeouts:
        """Return the usual limits, none longer than the peer may be silent."""
        most, connect = self.inactivity_timeout.total_seconds(), self.connect_timeout.total_seconds()
        capped = {name: min(getattr(TIMEOUTS, name), most) for name in CAPPED}
        return replace(TIMEOUTS, opening=max(TIMEOUTS.opening, 2 * connect), connect=connect, **capped)

    @property
    def _credentials(self) -> Credentials | None:
        if self.auth == "none" or self.password_encrypted is None:
            return None
        password = decrypt(self.password_encrypted)
        return Credentials(self.username, password, allow_clear_text=self.auth == "basic")

    async def endpoints(self, domain: str, resolver: Resolver) -> list[Endpoint]:
        """Return where to connect for a domain, best first; raises DnsFailure where there is nowhere."""
        if self.routing == "smart_hosts":
            return await self._smart_host_endpoints(domain, resolver)
        lookup = await resolve_mx(domain, resolver)
        found = without_ourselves(domain, lookup, {settings.POSTROOM_HOSTNAME.lower()}, own_addresses())
        return _without_listeners(domain, _endpoints(found, self.port))

    async def _smart_host_endpoints(self, domain: str, resolver: Resolver) -> list[Endpoint]:
        """Look the smart hosts up in their order; one that cannot be found does not spoil the others."""
        found: list[Endpoint] = []
        failures: list[DnsFailure] = []
        for host, port in zip(self.smart_hosts, self.smart_host_ports, strict=True):
            try:
                found += await _smart_host(host, port, resolver)
            except DnsFailure as failure:
                failures.append(failure)
        if not found and failures:
            raise next((failure for failure in failures if not failure.permanent), NoSmartHost(domain, failures[0]))
        return _without_listeners(domain, found)


async def load_connector(connection: AsyncConnection[Any], connector_id: UUID) -> Connector | None:
    """Return an enabled connector, or None where it is gone or switched off."""
    cursor = await connection.execute(_LOAD, [connector_id])
    row = await cursor.fetchone()
    return Connector(*row) if row else None


def load_connector_now(connector_id: UUID) -> Connector | None:
    """Return the same by Django's connection, inside the caller's scope: for those who ask, and do not send."""
    django_connection.ensure_connection()
    with psycopg.Cursor(django_connection.connection) as cursor:
        row = cursor.execute(_LOAD, [connector_id]).fetchone()
    return Connector(*row) if row else None


async def _smart_host(host: str, port: int, resolver: Resolver) -> list[Endpoint]:
    try:
        return [Endpoint(host, str(ipaddress.ip_address(host)), port)]
    except ValueError:
        # Exchange resolves a smart host's name by MX, then by address.
        return _endpoints(await resolve_mx(host, resolver), port)


def _endpoints(lookup: MxLookup, port: int) -> list[Endpoint]:
    return [Endpoint(host.name, address, port) for host in lookup.hosts for address in host.addresses]


def _without_listeners(domain: str, endpoints: list[Endpoint]) -> list[Endpoint]:
    """Drop our own listeners: a message sent there would come in again (reliability G5)."""
    ours = own_endpoints(settings.POSTROOM_HOSTNAME.lower())
    others = [
        one
        for one in endpoints
        if (canonical(one.address), one.port) not in ours and (canonical(one.host), one.port) not in ours
    ]
    if endpoints and not others:
        raise MailLoop(domain)
    return others


def own_addresses() -> frozenset[str]:
    """Return the public address that we listen on; on loopback and private ones others may listen beside us."""
    bind = ipaddress.ip_address(settings.POSTROOM_BIND)
    return frozenset({str(bind)} if bind.is_global else ())


@lru_cache(maxsize=8)
def allowed_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


@lru_cache(maxsize=8)
def lab_routes(text: str) -> dict[tuple[str, int], tuple[str, int]]:
    """Read POSTROOM_LAB_ROUTES: `address:port=address:port,…`, the lab's way round port 25 (design §12.13)."""
    pairs = (item.strip().split("=") for item in text.split(",") if item.strip())
    return {_endpoint(outer): _endpoint(inner) for outer, inner in pairs}


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
