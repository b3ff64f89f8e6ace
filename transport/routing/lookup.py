"""Reads a snapshot and collects what is missing from it, so that one round asks for all that can be asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from transport.routing.snapshot import DomainEntry, Need, ResolvedAddress, Snapshot, TenantSnapshot
from transport.routing.spaces import parent_domains


class Incomplete(Exception):
    """Something was not in the snapshot; the look-up has noted what."""


class Lookup:
    """A snapshot being read."""

    __slots__ = ("_addresses", "_domains", "_tenants", "snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._domains: set[str] = set()
        self._addresses: set[tuple[UUID, str]] = set()
        self._tenants: set[UUID] = set()

    @property
    def need(self) -> Need | None:
        if self._domains or self._addresses or self._tenants:
            return Need(frozenset(self._domains), frozenset(self._addresses), frozenset(self._tenants))
        return None

    def tenant(self, tenant_id: UUID) -> TenantSnapshot | None:
        tenants = self.snapshot.tenants
        if tenant_id in tenants:
            return tenants[tenant_id]
        self._tenants.add(tenant_id)
        raise Incomplete

    def address(self, tenant_id: UUID, key: str) -> ResolvedAddress | None:
        addresses = self.snapshot.addresses
        if (tenant_id, key) in addresses:
            return addresses[tenant_id, key]
        self._addresses.add((tenant_id, key))
        raise Incomplete

    def expect(self, domain: str) -> None:
        """Note already now whatever `accepting` may want to know of the domain."""
        known = self.snapshot.owners
        for name in names_above(domain):
            if name not in known:
                self._domains.add(name)
            elif (owner := known[name]) is not None and owner not in self.snapshot.tenants:
                self._tenants.add(owner)

    def expect_address(self, tenant_id: UUID, key: str) -> None:
        if (tenant_id, key) not in self.snapshot.addresses:
            self._addresses.add((tenant_id, key))

    def accepting(self, domain: str, own: TenantSnapshot | None) -> tuple[TenantSnapshot, DomainEntry] | None:
        """Return the tenant and the accepted domain that a domain belongs to, as seen by the tenant `own`.

        The most specific name decides. On equal names a verified owner beats an unverified claim, so that
        nobody draws mail for somebody else's domain to himself, not even his own people's.
        """
        if own is not None:
            entry = own.domains_by_name.get(domain)
            if entry is not None and entry.verified:
                return own, entry
        names = names_above(domain)
        owners = self._owners(names)
        for name in names:
            found = self._accepting_at(name, domain, own, owners.get(name))
            if found is not None:
                return found
        return None

    def _owners(self, names: Iterable[str]) -> dict[str, TenantSnapshot]:
        known = self.snapshot.owners
        missing = [name for name in names if name not in known]
        if missing:
            self._domains.update(missing)
            raise Incomplete
        ids = {name: owner for name in names if (owner := known[name]) is not None}
        absent = [owner for owner in ids.values() if owner not in self.snapshot.tenants]
        if absent:
            self._tenants.update(absent)
            raise Incomplete
        loaded = ((name, self.snapshot.tenants[owner]) for name, owner in ids.items())
        return {name: tenant for name, tenant in loaded if tenant is not None}

    @staticmethod
    def _accepting_at(
        name: str, domain: str, own: TenantSnapshot | None, owner: TenantSnapshot | None
    ) -> tuple[TenantSnapshot, DomainEntry] | None:
        own_entry = own.domains_by_name.get(name) if own is not None else None
        if own is not None and own_entry is not None and own_entry.verified:
            owner = own
        entry = owner.domains_by_name.get(name) if owner is not None else None
        if owner is not None and entry is not None and entry.verified and (name == domain or entry.match_subdomains):
            return owner, entry
        if own is not None and own_entry is not None and (name == domain or own_entry.match_subdomains):
            return own, own_entry
        return None


@lru_cache(maxsize=16_384)
def names_above(domain: str) -> tuple[str, ...]:
    """Return the domain and those above it that somebody could have registered with its subdomains."""
    return (domain, *(parent for parent in parent_domains(domain) if "." in parent))
