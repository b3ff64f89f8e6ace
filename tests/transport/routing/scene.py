"""A small world for routing: contoso and fabrikam on one platform, and the Internet around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

from transport.routing.admission import Admission
from transport.routing.envelope import USER_RIGHTS, Client, Envelope, Origin, Right, anonymous_client
from transport.routing.result import RoutedRecipient, Routing
from transport.routing.route import route
from transport.routing.snapshot import (
    MAX_ROUNDS,
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

NAMESPACE = UUID(int=7)
HOSTNAME = "mx.postroom.example"


def ident(name: str) -> UUID:
    return uuid5(NAMESPACE, name)


def domain(
    name: str,
    type: DomainType = DomainType.AUTHORITATIVE,
    *,
    subdomains: bool = False,
    verified: bool = True,
    resolvable: bool | None = None,
) -> DomainEntry:
    return DomainEntry(ident(name), name, type, subdomains, False, verified, resolvable)


def connector(
    name: str,
    *spaces: str | tuple[str, int],
    enabled: bool = True,
    limit: int | None = None,
    hosts: tuple[tuple[str, int], ...] | None = None,
) -> ConnectorEntry:
    parsed = tuple(AddressSpace.parse(*((space,) if isinstance(space, str) else space)) for space in spaces)
    routing = ConnectorRouting.DNS if hosts is None else ConnectorRouting.SMART_HOSTS
    return ConnectorEntry(ident(name), name, parsed, enabled, "internet", routing, hosts or (), limit)


def tenant(
    slug: str, domains: Iterable[DomainEntry] = (), connectors: Iterable[ConnectorEntry] = (), *, active: bool = True
) -> TenantSnapshot:
    return TenantSnapshot(ident(slug), slug, 1, active, tuple(domains), tuple(connectors))


@dataclass
class World:
    """What a database would hold; answers a Need and counts how often it was asked."""

    tenants: dict[UUID, TenantSnapshot] = field(default_factory=dict)
    addresses: dict[tuple[UUID, str], ResolvedAddress] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    own_endpoints: frozenset[tuple[str, int]] = frozenset()

    def add(self, *tenants: TenantSnapshot) -> World:
        self.tenants.update({one.id: one for one in tenants})
        return self

    def mailbox(self, owner: str, *keys: str, enabled: bool = True, over_quota: bool = False) -> UUID:
        """Give a tenant a mailbox; the first key is its reply address."""
        mailbox_id = ident(f"mailbox {owner} {keys[0]}")
        for key in keys:
            found = ResolvedAddress(key, ident(owner), mailbox_id, keys[0].title(), keys[0], enabled, over_quota)
            self.addresses[ident(owner), key] = found
        return mailbox_id

    def owner_of(self, name: str) -> UUID | None:
        verified = (
            one.id for one in self.tenants.values() for entry in one.domains if entry.name == name and entry.verified
        )
        return next(verified, None)

    def snapshot(self) -> Snapshot:
        return Snapshot(HOSTNAME, own_endpoints=self.own_endpoints)

    def load(self, snapshot: Snapshot, need: Need) -> Snapshot:
        self.needs.append(need)
        return snapshot.with_loaded(
            tenants={key: self.tenants.get(key) for key in need.tenants},
            owners={name: self.owner_of(name) for name in need.domains},
            addresses={key: self.addresses.get(key) for key in need.addresses},
        )

    def route(self, envelope: Envelope, snapshot: Snapshot | None = None) -> Routing:
        """Route from an empty snapshot, as the first message after a start does."""
        known = snapshot or self.snapshot()
        self.needs = []
        for _ in range(MAX_ROUNDS):
            result = route(envelope, known)
            if isinstance(result, Routing):
                return result
            known = self.load(known, result)
        raise AssertionError(f"no decision after {MAX_ROUNDS} calls: {self.needs}")

    def warm(self, envelope: Envelope) -> Snapshot:
        """Return a snapshot that knows all the envelope needs."""
        known = self.snapshot()
        while isinstance(need := route(envelope, known), Need):
            known = self.load(known, need)
        return known


def world() -> World:
    """Return contoso with a connector for all and fabrikam beside it, each with a mailbox ann or bob."""
    contoso = tenant(
        "contoso",
        [
            domain("contoso.com"),
            domain("exchange.local", verified=False),
            domain("sub.contoso.com", subdomains=True),
            domain("relay.contoso.net", DomainType.INTERNAL_RELAY),
            domain("away.contoso.net", DomainType.EXTERNAL_RELAY),
        ],
        [
            connector("Internet", "*"),
            connector("Own relay", "*.contoso.net", hosts=(("10.1.1.1", 25), ("hub.contoso.net", 587))),
        ],
    )
    fabrikam = tenant("fabrikam", [domain("fabrikam.com"), domain("relay.fabrikam.net", DomainType.INTERNAL_RELAY)])
    there = World().add(contoso, fabrikam)
    there.mailbox(
        "contoso", "ann@contoso.com", "sales@contoso.com", "known@relay.contoso.net", "x@deep.sub.contoso.com"
    )
    there.mailbox("contoso", "old@exchange.local")
    there.mailbox("contoso", "off@contoso.com", enabled=False)
    there.mailbox("contoso", "full@contoso.com", "postmaster@contoso.com", over_quota=True)
    there.mailbox("fabrikam", "bob@fabrikam.com", "info@fabrikam.com")
    return there


ANN = ident("mailbox contoso ann@contoso.com")
OLD = ident("mailbox contoso old@exchange.local")
BOB = ident("mailbox fabrikam bob@fabrikam.com")
STRANGER = anonymous_client("Default", "198.51.100.7")


def user(mailbox_id: UUID = ANN, owner: str = "contoso", *further: Right) -> Client:
    return Client(Origin.SUBMISSION, ident(owner), mailbox_id, "Client", "192.0.2.1", USER_RIGHTS | {*further})


def machine(owner: str = "contoso", *further: Right) -> Client:
    """Return a tenant's machine that relays by its address."""
    return Client(Origin.RELAY, ident(owner), None, "Printers", "192.0.2.99", USER_RIGHTS | {*further})


def envelope(sender: str, *recipients: str, client: Client = STRANGER, size: int = 1000) -> Envelope:
    return Envelope(sender, recipients, size, client)


def from_ann(*recipients: str, size: int = 1000) -> Envelope:
    return envelope("ann@contoso.com", *recipients, client=user(), size=size)


def rerouted(one: Envelope) -> Envelope:
    return replace(one, rerouting=True)


def only(routing: Routing) -> RoutedRecipient:
    """Return the one recipient of a decision, wherever it went."""
    found = [*routing.refused, *(one for message in routing.messages for one in message.recipients)]
    assert len(found) == 1
    return found[0]


def verdict(routing: Routing) -> str:
    """Say in one word what became of the one recipient: its reason code, or the name of its next hop."""
    one = only(routing)
    if one.refusal is not None:
        return one.refusal.reason_code
    assert one.next_hop is not None
    return one.reason_code or one.next_hop.domain


def decided(result: Admission | Need) -> Admission:
    assert isinstance(result, Admission)
    return result
