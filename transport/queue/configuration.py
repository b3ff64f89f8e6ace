"""What of the configuration a process has at hand, and the queries that fetch the rest of what routing needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from django.conf import settings

from tenants.limits import COLUMNS, JOIN_PLAN, Limits
from transport.queue.intake import TenantTerms
from transport.routing.lookup import names_above
from transport.routing.recipients import ROLE_NAMES
from transport.routing.snapshot import (
    ConnectorEntry,
    ConnectorRouting,
    DomainEntry,
    DomainType,
    Need,
    ResolvedAddress,
    Snapshot,
    TenantSnapshot,
)
from transport.routing.spaces import AddressSpace

Row = tuple[Any, ...]
K = TypeVar("K")
MAX_TENANTS: Final = 4_096
MAX_OWNERS: Final = 65_536
MAX_ADDRESSES: Final = 65_536
MOST_SUPPRESSED: Final = 10_000  # of a tenant, the latest: they are kept with its configuration, at no query a message


class Configuration:
    """A bounded cache that routing reads as a snapshot: absent means not looked up, None that there is none.

    It is emptied by tenant, or of everything; whoever owns it decides when (transport/smtpd/watch.py).
    """

    def __init__(self) -> None:
        self.tenants: dict[UUID, TenantSnapshot | None] = {}
        self.terms: dict[UUID, TenantTerms] = {}
        self.owners: dict[str, UUID | None] = {}
        self.addresses: dict[tuple[UUID, str], ResolvedAddress | None] = {}
        hostname = settings.POSTROOM_HOSTNAME.lower()
        self.snapshot = Snapshot(hostname, self.tenants, self.owners, self.addresses, own_endpoints(hostname))
        self.generation = 0

    def forget_tenant(self, tenant_id: UUID) -> None:
        """Drop what may have changed with this tenant: domains may have changed hands with it."""
        self.tenants.pop(tenant_id, None)
        self.terms.pop(tenant_id, None)
        self.forget_owners()
        self.forget_addresses()

    def forget_owners(self) -> None:
        self.generation += 1
        self.owners.clear()

    def forget_addresses(self) -> None:
        self.addresses.clear()

    def forget_all(self) -> None:
        self.generation += 1
        for kept in (self.tenants, self.terms, self.owners, self.addresses):
            kept.clear()

    def terms_of(self, tenants: Iterable[UUID]) -> dict[UUID, TenantTerms] | None:
        """Return the terms of these tenants as they are now; None where one has been forgotten meanwhile."""
        found = {tenant_id: self.terms.get(tenant_id) for tenant_id in tenants}
        return None if None in found.values() else cast(dict[UUID, TenantTerms], found)

    def make_room(self) -> None:
        """Let the oldest entries go; `terms` goes with its tenant."""
        for tenant_id in _surplus(self.tenants, MAX_TENANTS):
            del self.tenants[tenant_id]
            self.terms.pop(tenant_id, None)
        for domain in _surplus(self.owners, MAX_OWNERS):
            del self.owners[domain]
        for key in _surplus(self.addresses, MAX_ADDRESSES):
            del self.addresses[key]


def _surplus(kept: dict[K, Any], limit: int) -> list[K]:
    excess = len(kept) - limit
    return [key for key, _ in zip(kept, range(excess), strict=False)] if excess > 0 else []


def own_endpoints(hostname: str) -> frozenset[tuple[str, int]]:
    """Return where this platform itself listens for mail: a next hop there would be a loop."""
    ports = (settings.POSTROOM_SMTP_PORT, settings.POSTROOM_SUBMISSION_PORT, settings.POSTROOM_SUBMISSIONS_PORT)
    hosts = {hostname, settings.POSTROOM_BIND, "localhost", "127.0.0.1", "::1"}
    return frozenset((host, port) for host in hosts for port in ports)


@dataclass(frozen=True, slots=True)
class Query:
    """One look-up: its statement, and what to do with the rows."""

    sql: str
    parameters: Sequence[Any]
    keep: Callable[[Configuration, list[Row]], None]


def queries_for(need: Need) -> Iterator[Query]:
    """Yield what answers a Need. What is not found is kept as None, so that one round settles it."""
    if need.tenants:
        yield _tenants(sorted(need.tenants))
    if need.domains:
        yield _owners(sorted(need.domains))
    if need.addresses:
        yield _addresses(sorted(need.addresses))
        if roles := [wanted for wanted in sorted(need.addresses) if wanted[1].partition("@")[0] in ROLE_NAMES]:
            yield _role_mailboxes(roles)


_TENANTS: Final = f"""
SELECT t.id, t.slug, t.status, t.config_version, t.message_expiration_timeout, t.delay_notification_timeout,
  ARRAY[{", ".join(COLUMNS)}]::bigint[], t.suspension_mode,
  ARRAY(SELECT s.key FROM transport_suppressedaddress s WHERE s.tenant_id = t.id AND s.expires_at > now()
        ORDER BY s.last_seen_at DESC LIMIT {MOST_SUPPRESSED}),
  (SELECT coalesce(json_agg(json_build_object(
      'id', d.id, 'name', d.domain, 'type', d.type, 'match_subdomains', d.match_subdomains,
      'is_default', d.is_default, 'verified', d.verified_at IS NOT NULL, 'findings', d.dns_findings,
      'suspended', CASE WHEN d.suspended_at IS NOT NULL THEN d.suspension_mode ELSE '' END
    )), '[]')::text FROM tenants_accepteddomain d WHERE d.tenant_id = t.id),
  (SELECT coalesce(json_agg(json_build_object(
      'id', c.id, 'name', c.name, 'enabled', c.enabled, 'usage', c.usage, 'routing', c.routing, 'port', c.port,
      'max_message_size', c.max_message_size,
      'spaces', (SELECT coalesce(json_agg(json_build_array(s.pattern, s.cost)), '[]')
                 FROM transport_addressspace s WHERE s.connector_id = c.id),
      'smart_hosts', (SELECT coalesce(json_agg(json_build_array(h.host, h.port) ORDER BY h.position, h.host), '[]')
                      FROM transport_smarthost h WHERE h.connector_id = c.id)
    )), '[]')::text FROM transport_sendconnector c WHERE c.tenant_id = t.id)
FROM tenants_tenant t {JOIN_PLAN} WHERE t.id = ANY(%s)
"""  # noqa: S608 - built from constants


def _tenants(ids: Sequence[UUID]) -> Query:
    def keep(configuration: Configuration, rows: list[Row]) -> None:
        configuration.tenants.update(dict.fromkeys(ids))
        for tenant_id, slug, status, version, expires, delay, limits, mode, suppressed, domains, connectors in rows:
            configuration.tenants[tenant_id] = TenantSnapshot(
                id=tenant_id,
                slug=slug,
                version=version,
                active=status == "active",
                domains=tuple(_domain(entry) for entry in json.loads(domains)),
                connectors=tuple(_connector(entry) for entry in json.loads(connectors)),
                refuses_for_good=mode == "permanent",
                suppressed=frozenset(suppressed),
            )
            configuration.terms[tenant_id] = TenantTerms(version, expires, delay, Limits(*limits))

    return Query(_TENANTS, (list(ids),), keep)


def _domain(entry: dict[str, Any]) -> DomainEntry:
    return DomainEntry(
        id=UUID(entry["id"]),
        name=entry["name"],
        type=DomainType(entry["type"]),
        match_subdomains=entry["match_subdomains"],
        is_default=entry["is_default"],
        verified=entry["verified"],
        resolvable=(entry["findings"] or {}).get("resolvable"),
        suspended=entry["suspended"],
    )


def _connector(entry: dict[str, Any]) -> ConnectorEntry:
    return ConnectorEntry(
        id=UUID(entry["id"]),
        name=entry["name"],
        address_spaces=tuple(AddressSpace(pattern, cost) for pattern, cost in entry["spaces"]),
        enabled=entry["enabled"],
        usage=entry["usage"],
        routing=ConnectorRouting(entry["routing"]),
        smart_hosts=tuple((host, port or entry["port"]) for host, port in entry["smart_hosts"]),
        max_message_size=entry["max_message_size"],
    )


_OWNERS: Final = """
SELECT domain, tenant_id FROM tenants_accepteddomain WHERE verified_at IS NOT NULL AND domain = ANY(%s)
"""


def _owners(domains: Sequence[str]) -> Query:
    def keep(configuration: Configuration, rows: list[Row]) -> None:
        configuration.owners.update(dict.fromkeys(domains))
        configuration.owners.update(dict(rows))

    return Query(_OWNERS, (list(domains),), keep)


# Both joins are index look-ups, whatever the number of mailboxes: (tenant, domain), then address_is_unique.
_ADDRESSES: Final = """
SELECT w.tenant_id, w.key, m.id, m.display_name, p.local_part, p.domain, m.enabled, m.used_bytes >= m.quota,
  ARRAY(SELECT g.grantee_id FROM tenants_sendasgrant g JOIN tenants_mailbox b ON b.id = g.grantee_id AND b.enabled
        LEFT JOIN tenants_user o ON o.id = b.user_id WHERE g.mailbox_id = m.id AND coalesce(o.is_active, true)),
  m.suspension_mode = 'temporary', coalesce(u.is_active, true)
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY
  AS w (tenant_id, key, accepted, domain, local_key, place)
JOIN tenants_accepteddomain d ON d.tenant_id = w.tenant_id AND d.domain = w.accepted
JOIN tenants_emailaddress e ON e.accepted_domain_id = d.id AND e.domain = w.domain AND e.local_key = w.local_key
JOIN tenants_mailbox m ON m.id = e.mailbox_id
JOIN tenants_emailaddress p ON p.mailbox_id = m.id AND p.is_primary
LEFT JOIN tenants_user u ON u.id = m.user_id
ORDER BY w.place DESC
"""


def _addresses(wanted: Sequence[tuple[UUID, str]]) -> Query:
    rows = [
        (tenant_id, key, accepted, domain, local)
        for tenant_id, key in wanted
        for local, _, domain in (key.rpartition("@"),)
        for accepted in names_above(domain)
    ]

    def keep(configuration: Configuration, found: list[Row]) -> None:
        configuration.addresses.update(dict.fromkeys(wanted))
        configuration.addresses.update(_resolved(found))

    return Query(_ADDRESSES, [list(column) for column in zip(*rows, strict=True)], keep)


# RFC 5321 4.5.1, RFC 2142: every domain answers at postmaster@ and abuse@. Unless an address says otherwise, an
# owner's mailbox gets them, then an administrator's, then the oldest one.
_ROLE_MAILBOXES: Final = """
SELECT w.tenant_id, w.key, m.id, m.display_name, p.local_part, p.domain, true, false, '{}'::uuid[], false, true
FROM unnest(%s::uuid[], %s::text[]) AS w (tenant_id, key)
JOIN LATERAL (
  SELECT b.id, b.display_name FROM tenants_mailbox b
  LEFT JOIN tenants_membership s ON s.tenant_id = b.tenant_id AND s.user_id = b.user_id
  WHERE b.tenant_id = w.tenant_id AND b.enabled
  ORDER BY coalesce(array_position(ARRAY['owner', 'admin']::varchar[], s.role), 3), b.id LIMIT 1
) m ON true
JOIN tenants_emailaddress p ON p.mailbox_id = m.id AND p.is_primary
"""


def _role_mailboxes(wanted: Sequence[tuple[UUID, str]]) -> Query:
    def keep(configuration: Configuration, found: list[Row]) -> None:
        for key, resolved in _resolved(found):
            if configuration.addresses.get(key) is None:
                configuration.addresses[key] = resolved

    return Query(_ROLE_MAILBOXES, ([tenant for tenant, _ in wanted], [key for _, key in wanted]), keep)


def _resolved(rows: Iterable[Row]) -> Iterator[tuple[tuple[UUID, str], ResolvedAddress]]:
    for tenant_id, key, mailbox_id, name, local, domain, enabled, is_full, send_as, *facts in rows:
        primary = f"{local}@{domain}"
        resolved = ResolvedAddress(
            key, tenant_id, mailbox_id, name, primary, enabled, is_full, frozenset(send_as), *facts
        )
        yield (tenant_id, key), resolved
