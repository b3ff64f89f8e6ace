"""Receive connectors at work: which one a connection meets, and which tenants' machines stand at its other end.

An operator's connector is chosen by local binding and then by the most specific remote range (Exchange §4). A
tenant's connector is no listener but a relay permission: it lets the addresses of its ranges, or who has its log-in,
relay for that tenant.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from transport.models import ReceiveConnector
from transport.routing.envelope import GROUP_RIGHTS, USER_RIGHTS, Door, PermissionGroup, Right, rights_of
from transport.routing.ranges import WIDEST_FOR_TENANT, AddressRange, plain_address
from transport.routing.receive import Binding, InvalidBinding, ReceiveChoice, ReceiveEntry, choose_receive
from transport.routing.relay import Holding, RelayEntry

logger = logging.getLogger(__name__)

FIELDS: Final = (
    *("id", "tenant_id", "name", "bindings", "remote_ranges", "auth_mechanisms", "permission_groups", "permissions"),
    *("fqdn", "banner", "implicit_tls", "require_tls", "max_message_size", "max_header_size", "max_hop_count"),
    *("max_recipients_per_message", "max_inbound_connections", "max_inbound_connections_per_source"),
    *("max_protocol_errors", "max_logon_failures", "connection_timeout", "connection_inactivity_timeout"),
    *("tarpit_interval", "message_rate_limit", "message_rate_source", "max_local_hop_count", "senders"),
    *("max_inbound_connections_percentage_per_source", "require_ehlo_domain", "eight_bit_mime_enabled"),
    *("chunking_enabled", "delivery_status_notification_enabled", "pipelining_enabled", "size_enabled"),
    *("enhanced_status_codes_enabled", "protocol_logging_level", "approved_at", "certificate_fingerprints"),
)
QUERY: Final = f"""
SELECT {", ".join(FIELDS)} FROM transport_receiveconnector
WHERE enabled AND (
  tenant_id IS NULL OR approved_at IS NOT NULL OR user_name IS NOT NULL OR certificate_fingerprints <> '{{}}')
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
    max_local_hop_count: int
    percentage_per_source: int
    senders: tuple[str, ...]
    is_approved: bool
    requires_ehlo_domain: bool
    pipelining: bool
    chunking: bool
    eight_bit_mime: bool
    dsn: bool
    size: str
    enhanced_status_codes: bool
    is_logged: bool
    unoffered: frozenset[str]  # parameters of MAIL and RCPT
    fingerprints: tuple[str, ...]  # a relay permission's: of certificates and of public keys

    @property
    def relay_entry(self) -> RelayEntry:
        rights = self.anonymous_rights
        return RelayEntry(self.id, self.tenant_id, self.name, self.ranges, self.senders, rights, self.fingerprints)


def connector_from(row: Sequence[Any]) -> Connector:
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    groups, further = set(fields["permission_groups"]), fields["permissions"]
    users = PermissionGroup.EXCHANGE_USERS in groups
    mechanisms = set(fields["auth_mechanisms"])
    has_basic = bool(mechanisms & {"basic_auth", "basic_auth_require_tls"})
    relay = fields["tenant_id"] is not None
    trusted = "external_authoritative" in mechanisms
    return Connector(
        id=fields["id"],
        tenant_id=fields["tenant_id"],
        name=fields["name"],
        bindings=tuple(fields["bindings"]),
        ranges=tuple(AddressRange.parse(text) for text in fields["remote_ranges"]),
        anonymous_rights=_anonymous_rights(groups, further, relay=relay, trusted=trusted),
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
        max_local_hop_count=fields["max_local_hop_count"],
        percentage_per_source=fields["max_inbound_connections_percentage_per_source"],
        senders=tuple(fields["senders"]),
        is_approved=fields["approved_at"] is not None,
        requires_ehlo_domain=fields["require_ehlo_domain"],
        pipelining=fields["pipelining_enabled"],
        chunking=fields["chunking_enabled"],
        eight_bit_mime=fields["eight_bit_mime_enabled"],
        dsn=fields["delivery_status_notification_enabled"],
        size=fields["size_enabled"],
        enhanced_status_codes=fields["enhanced_status_codes_enabled"],
        is_logged=fields["protocol_logging_level"] == "verbose",
        unoffered=_unoffered(fields),
        fingerprints=tuple(fields["certificate_fingerprints"]),
    )


def _unoffered(fields: Mapping[str, Any]) -> frozenset[str]:
    """Return the parameters of extensions that are switched off (RFC 5321 4.1.1.11: they are unknown then)."""
    names: set[str] = set()
    if not fields["eight_bit_mime_enabled"]:
        names.add("BODY")
    if not fields["delivery_status_notification_enabled"]:
        names |= {"RET", "ENVID", "NOTIFY", "ORCPT"}
    if fields["size_enabled"] == "disabled":
        names.add("SIZE")
    return frozenset(names)


# What a tenant's machine may do: relay, as that tenant. Any sender only where an operator granted it.
RELAY_RIGHTS: Final = frozenset({Right.SUBMIT, Right.ACCEPT_ANY_RECIPIENT, Right.ACCEPT_HEADERS_ROUTING})


def _anonymous_rights(groups: set[str], further: Iterable[str], *, relay: bool, trusted: bool) -> frozenset[Right]:
    """Return what who did not log in may do: the rights of strangers, or, externally secured, those of our servers."""
    granted = rights_of((), further)
    if relay:
        return RELAY_RIGHTS | granted
    held = {PermissionGroup.ANONYMOUS_USERS} | ({PermissionGroup.EXCHANGE_SERVERS} if trusted else set())
    return granted.union(*(GROUP_RIGHTS[group] for group in held if group in groups))


@dataclass(frozen=True, slots=True)
class Choice:
    """The connector of a connection and why it is that one, or None and why there is none."""

    connector: Connector | None
    why: str
    door: Door
    told: ReceiveChoice


class ConnectorTable:
    """All enabled connectors. `ports` says where the platform's own ports are: smtp, submission, submissions."""

    def __init__(self, connectors: Iterable[Connector] = (), ports: Mapping[str, Binding] | None = None) -> None:
        self._ports = own_ports() if ports is None else ports
        self.listening: dict[UUID, Connector] = {}
        self.relays: dict[UUID, Connector] = {}
        self._relaying: dict[tuple[int, int], list[tuple[AddressRange, Connector]]] = {}
        self._by_fingerprint: dict[str, list[Connector]] = {}
        for connector in connectors:
            if connector.tenant_id is None:
                self.listening[connector.id] = connector
            else:
                self.relays[connector.id] = connector
                for fingerprint in connector.fingerprints:
                    self._by_fingerprint.setdefault(fingerprint, []).append(connector)
                if connector.is_approved:
                    self._index(connector)
        bound = [one for some in self._by_fingerprint.values() for one in some]
        self._asking = {self.binding(text) for one in bound for text in one.bindings}
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
            door = Door(found.name if found is not None else "", choice.on_this_port)
            known = Choice(found, choice.why(), door, choice)
            if len(self._choices) >= MAX_CHOICES:
                self._choices.clear()
            self._choices[local, remote] = known
        return known

    def asks_for_certificate(self, listener: Connector) -> bool:
        """Say whether clients are asked for a certificate there: a permission that goes by one shares a binding."""
        return bool(self._asking) and any(self.binding(text) in self._asking for text in listener.bindings)

    def relaying(self, connector: Connector, remote: str, fingerprints: frozenset[str] = frozenset()) -> list[Holding]:
        """Return the tenants' permissions that the client has, by its certificate or by approved ranges that hold it.

        The sender picks from them.
        """
        address = plain_address(remote)
        candidates = self._relaying.get(_block(address.version, int(address)), ())
        found: dict[UUID, Holding] = {}
        for one, other in candidates:
            known = found.get(other.id)
            if one.holds(address) and (known is None or one.size < known.size) and self._meet(connector, other):
                found[other.id] = Holding(other.relay_entry, one)
        for fingerprint in fingerprints:
            for other in self._by_fingerprint.get(fingerprint, ()):
                if self._meet(connector, other):
                    found[other.id] = Holding(other.relay_entry, None, by_certificate=True)
        return list(found.values())

    def _meet(self, listener: Connector, relay: Connector) -> bool:
        """Say whether a permission counts at a listener: they have a binding in common."""
        return bool(
            {self.binding(text) for text in listener.bindings} & {self.binding(text) for text in relay.bindings}
        )


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


def listening_entry(row: ReceiveConnector, ports: Mapping[str, Binding]) -> ReceiveEntry:
    """Return an operator's connector as choosing sees it."""
    bindings = tuple(ports[text] if text in ports else Binding.parse(text) for text in row.bindings)
    ranges = tuple(AddressRange.parse(text) for text in row.remote_ranges)
    return ReceiveEntry(row.id, row.name, bindings, ranges, row.enabled)


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
