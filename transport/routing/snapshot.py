"""What routing may know: a tenant's configuration, who owns which domain, and addresses that were looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from transport.routing.spaces import AddressSpace

# A caller loads what a Need names and asks again; the answer is there by the fourth call at the latest.
MAX_ROUNDS: Final = 4


class DomainType(StrEnum):
    AUTHORITATIVE = "authoritative"
    INTERNAL_RELAY = "internal_relay"
    EXTERNAL_RELAY = "external_relay"


class ConnectorRouting(StrEnum):
    DNS = "dns"
    SMART_HOSTS = "smart_hosts"


@dataclass(frozen=True, slots=True)
class DomainEntry:
    """An accepted domain. `resolvable` is what the last look at public DNS found; None: never looked."""

    id: UUID
    name: str
    type: DomainType = DomainType.AUTHORITATIVE
    match_subdomains: bool = False
    is_default: bool = False
    verified: bool = True
    resolvable: bool | None = None
    suspended: str = ""  # how mail for it is refused meanwhile: temporary or permanent; empty: it is not suspended

    @property
    def is_public(self) -> bool:
        """Say whether the world may answer to addresses of this domain."""
        return self.verified and self.resolvable is not False


@dataclass(frozen=True, slots=True)
class ConnectorEntry:
    """A send connector, as far as choosing it needs."""

    id: UUID
    name: str
    address_spaces: tuple[AddressSpace, ...]
    enabled: bool = True
    usage: str = "internet"
    routing: ConnectorRouting = ConnectorRouting.DNS
    smart_hosts: tuple[tuple[str, int], ...] = ()
    max_message_size: int | None = None

    def takes(self, size: int) -> bool:
        return self.max_message_size is None or size <= self.max_message_size

    @property
    def name_order(self) -> tuple[str, str]:
        """The last tie-break: the alphanumerically lowest name, made total by the id."""
        return (self.name.casefold(), str(self.id))


Spaces = Mapping[str, tuple[tuple[int, ConnectorEntry], ...]]


@dataclass(frozen=True, slots=True)
class TenantSnapshot:
    """One tenant's routing configuration at one version, with what makes look-ups independent of its size."""

    id: UUID
    slug: str
    version: int
    active: bool
    domains: tuple[DomainEntry, ...]
    connectors: tuple[ConnectorEntry, ...]
    refuses_for_good: bool = False  # where it is not active: senders hear 5xx and not 4xx
    suppressed: frozenset[str] = field(default=frozenset(), repr=False)  # keys of addresses that mail came back from
    domains_by_name: Mapping[str, DomainEntry] = field(init=False, repr=False, compare=False)
    spaces: Spaces = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains_by_name", {entry.name: entry for entry in self.domains})
        object.__setattr__(self, "spaces", _index(self.connectors))


def _index(connectors: tuple[ConnectorEntry, ...]) -> Spaces:
    """List for each pattern its connectors, cheapest first, then by name."""
    spaces: dict[str, list[tuple[int, ConnectorEntry]]] = {}
    for connector in connectors:
        for space in connector.address_spaces:
            spaces.setdefault(space.pattern, []).append((space.cost, connector))
    return {
        pattern: tuple(sorted(entries, key=lambda entry: (entry[0], *entry[1].name_order)))
        for pattern, entries in spaces.items()
    }


@dataclass(frozen=True, slots=True)
class ResolvedAddress:
    """What an address of a tenant leads to."""

    key: str
    tenant_id: UUID
    mailbox_id: UUID
    mailbox_name: str
    primary_address: str
    enabled: bool = True
    over_quota: bool = False
    send_as: frozenset[UUID] = frozenset()  # the other mailboxes whose log-ins may use this address as a sender
    puts_mail_off: bool = False  # where it is not enabled: senders hear 4xx and not 5xx
    owner_active: bool = True  # False: the person whose mailbox it is was suspended, so it sends nothing


Owners = Mapping[str, UUID | None]
Addresses = Mapping[tuple[UUID, str], ResolvedAddress | None]
Tenants = Mapping[UUID, TenantSnapshot | None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a decision rests on. A key that is absent was not looked up; None: looked up, there is none.

    `owners` names the tenant of each VERIFIED domain. `own_endpoints` are further (host, port) pairs that
    lead back to us; the host name on port 25 always does.
    """

    hostname: str
    tenants: Tenants = field(default_factory=dict)
    owners: Owners = field(default_factory=dict)
    addresses: Addresses = field(default_factory=dict)
    own_endpoints: frozenset[tuple[str, int]] = frozenset()

    def with_loaded(
        self, *, tenants: Tenants | None = None, owners: Owners | None = None, addresses: Addresses | None = None
    ) -> Snapshot:
        """Return a snapshot that holds these too."""
        return replace(
            self,
            tenants={**self.tenants, **(tenants or {})},
            owners={**self.owners, **(owners or {})},
            addresses={**self.addresses, **(addresses or {})},
        )

    def leads_to_us(self, host: str, port: int) -> bool:
        host = host.lower().removesuffix(".")
        return (host, port) in self.own_endpoints or (host == self.hostname and port == 25)


@dataclass(frozen=True, slots=True)
class Need:
    """What the caller has to look up before a decision is possible."""

    domains: frozenset[str] = frozenset()
    addresses: frozenset[tuple[UUID, str]] = frozenset()
    tenants: frozenset[UUID] = frozenset()
