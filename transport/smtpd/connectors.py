"""Receive connectors at work: which one a connection meets, and which tenants' machines stand at its other end.

An operator's connector is chosen by local binding and then by the most specific remote range (Exchange §4). A
tenant's connector is no listener: it gives the addresses of its ranges the right to relay for that tenant.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from transport.routing.envelope import ANONYMOUS_RIGHTS, USER_RIGHTS, PermissionGroup, Right, rights_of
from transport.routing.ranges import WIDEST_FOR_TENANT, AddressRange, plain_address
from transport.routing.receive import Binding, InvalidBinding, ReceiveEntry, choose_receive

logger = logging.getLogger(__name__)

FIELDS: Final = (
    *("id", "tenant_id", "name", "bindings", "remote_ranges", "auth_mechanisms", "permission_groups", "permissions"),
    *("fqdn", "banner", "implicit_tls", "require_tls", "max_message_size", "max_header_size", "max_hop_count"),
    *("max_recipients_per_message", "max_inbound_connections", "max_inbound_connections_per_source"),
    *("max_protocol_errors", "max_logon_failures", "connection_timeout", "connection_inactivity_timeout"),
    *("tarpit_interval", "message_rate_limit", "message_rate_source"),
)
QUERY: Final = f"""
SELECT {", ".join(FIELDS)} FROM transport_receiveconnector
WHERE enabled AND (tenant_id IS NULL OR approved_at IS NOT NULL)
ORDER BY name, id
"""  # noqa: S608 - built from constants of this module


@dataclass(frozen=True, slots=True, eq=False)
class Connector:
    """A receive connector with its rights and limits worked out."""

    id: UUID
    tenant_id: UUID | None
    name: str
    bindings: tuple[str, ...]
    ranges: tuple[AddressRange, ...]
    anonymous_rights: frozenset[Right]
    user_rights: frozenset[Right]
    offers_auth: bool
    offers_tls: bool
    hostname: str
    banner: str
    implicit_tls: bool
    require_tls: bool
    max_message_size: int
    max_header_size: int
    max_hop_count: int
    max_recipients: int
    max_connections: int
    max_connections_per_source: int
    max_protocol_errors: int
    max_logon_failures: int
    total_timeout: float
    idle_timeout: float
    tarpit_interval: float
    message_rate_limit: int | None
    message_rate_source: str


def connector_from(row: Sequence[Any]) -> Connector:
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    groups, further = set(fields["permission_groups"]), fields["permissions"]
    users = PermissionGroup.EXCHANGE_USERS in groups
    mechanisms = set(fields["auth_mechanisms"])
    has_basic = bool(mechanisms & {"basic_auth", "basic_auth_require_tls"})
    relay = fields["tenant_id"] is not None
    return Connector(
        id=fields["id"],
        tenant_id=fields["tenant_id"],
        name=fields["name"],
        bindings=tuple(fields["bindings"]),
        ranges=tuple(AddressRange.parse(text) for text in fields["remote_ranges"]),
        anonymous_rights=_anonymous_rights(groups, further, relay=relay),
        user_rights=USER_RIGHTS if users else frozenset(),
        offers_auth=users and has_basic,
        offers_tls="tls" in mechanisms or has_basic or fields["require_tls"],
        hostname=fields["fqdn"] or settings.POSTROOM_HOSTNAME,
        banner=fields["banner"],
        implicit_tls=fields["implicit_tls"],
        require_tls=fields["require_tls"],
        max_message_size=fields["max_message_size"],
        max_header_size=fields["max_header_size"],
        max_hop_count=fields["max_hop_count"],
        max_recipients=fields["max_recipients_per_message"],
        max_connections=fields["max_inbound_connections"],
        max_connections_per_source=fields["max_inbound_connections_per_source"],
        max_protocol_errors=fields["max_protocol_errors"],
        max_logon_failures=fields["max_logon_failures"],
        total_timeout=fields["connection_timeout"].total_seconds(),
        idle_timeout=fields["connection_inactivity_timeout"].total_seconds(),
        tarpit_interval=fields["tarpit_interval"].total_seconds(),
        message_rate_limit=fields["message_rate_limit"],
        message_rate_source=fields["message_rate_source"],
    )


# What a tenant's machine may do: relay, as that tenant. Any sender only where an operator granted it.
RELAY_RIGHTS: Final = frozenset({Right.SUBMIT, Right.ACCEPT_ANY_RECIPIENT, Right.ACCEPT_HEADERS_ROUTING})


def _anonymous_rights(groups: set[str], further: Iterable[str], *, relay: bool) -> frozenset[Right]:
    if relay:
        return RELAY_RIGHTS | rights_of((), further)
    granted = rights_of((), further)
    return granted | ANONYMOUS_RIGHTS if PermissionGroup.ANONYMOUS_USERS in groups else granted


@dataclass(frozen=True, slots=True)
class Choice:
    """The connector of a connection and why it is that one, or None and why there is none."""

    connector: Connector | None
    why: str


class ConnectorTable:
    """All enabled connectors. `ports` says where the platform's own ports are: smtp, submission, submissions."""

    def __init__(self, connectors: Iterable[Connector] = (), ports: Mapping[str, Binding] | None = None) -> None:
        self._ports = own_ports() if ports is None else ports
        self.listening: dict[UUID, Connector] = {}
        self._relaying: dict[tuple[int, int], list[tuple[AddressRange, Connector]]] = {}
        for connector in connectors:
            if connector.tenant_id is None:
                self.listening[connector.id] = connector
            else:
                self._index(connector)
        self._entries = [self._entry(connector) for connector in self.listening.values()]
        self._choices: dict[tuple[tuple[str, int], str], Choice] = {}

    def _entry(self, connector: Connector) -> ReceiveEntry:
        bindings = tuple(self.binding(text) for text in connector.bindings)
        return ReceiveEntry(connector.id, connector.name, bindings, connector.ranges)

    def binding(self, text: str) -> Binding:
        return self._ports[text] if text in self._ports else Binding.parse(text)

    def _index(self, connector: Connector) -> None:
        # A tenant's range is no wider than a block, so that it lies in two neighbouring blocks at most.
        for one in connector.ranges:
            for block in {_block(one.version, one.first), _block(one.version, one.last)}:
                self._relaying.setdefault(block, []).append((one, connector))

    def choose(self, local: tuple[str, int], remote: str) -> Choice:
        """Return the operator's connector for a connection."""
        known = self._choices.get((local, remote))
        if known is None:
            choice = choose_receive(self._entries, local, remote)
            found = self.listening[choice.entry.id] if choice.entry is not None else None
            known = Choice(found, choice.why())
            if len(self._choices) >= MAX_CHOICES:
                self._choices.clear()
            self._choices[local, remote] = known
        return known

    def relaying(self, connector: Connector, remote: str) -> list[Connector]:
        """Return the tenants' connectors whose ranges hold the client, narrowest first; the sender picks from them."""
        address = plain_address(remote)
        candidates = self._relaying.get(_block(address.version, int(address)), ())
        found = [(one.size, other) for one, other in candidates if one.holds(address)]
        found = [(size, other) for size, other in found if set(other.bindings) & set(connector.bindings)]
        return [other for _, other in sorted(found, key=lambda one: one[0])]


MAX_CHOICES: Final = 4_096


def _block(version: int, address: int) -> tuple[int, int]:
    return version, address // WIDEST_FOR_TENANT[version]


def own_ports() -> dict[str, Binding]:
    address = plain_address(settings.POSTROOM_BIND)
    return {
        "smtp": Binding(address, settings.POSTROOM_SMTP_PORT),
        "submission": Binding(address, settings.POSTROOM_SUBMISSION_PORT),
        "submissions": Binding(address, settings.POSTROOM_SUBMISSIONS_PORT),
    }


def read_connectors(rows: Iterable[Sequence[Any]], ports: Mapping[str, Binding] | None = None) -> ConnectorTable:
    """Build the table; a row that makes no sense is left out and logged, and spoils nothing for the others."""
    return ConnectorTable(_usable(rows, own_ports() if ports is None else ports), ports)


def _usable(rows: Iterable[Sequence[Any]], ports: Mapping[str, Binding]) -> Iterator[Connector]:
    for row in rows:
        try:
            connector = connector_from(row)
            for text in connector.bindings:
                if text not in ports:
                    Binding.parse(text)
        except (ValueError, InvalidBinding) as error:
            logger.error("Receive connector %s cannot be used: %s", row[2], error)
        else:
            yield connector
