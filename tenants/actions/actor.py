"""Who acts: a person, a key, an operator or the platform itself."""

from __future__ import annotations

from dataclasses import dataclass

from tenants.access import KeyEntry
from tenants.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    kind: str  # user | operator | api_key | system
    id: str
    name: str
    client_address: str | None = None
    # While an object is brought back to an earlier version: its id and the version's number, for the audit log.
    reverting: tuple[str, int] | None = None
    # An operator in a tenant's console: told as an operator, with no more rights than the tenant's own people have.
    is_acting: bool = False

    @property
    def has_operators_rights(self) -> bool:
        """Return whether what only the platform decides is this one's to decide."""
        return self.kind in {"operator", "system"} and not self.is_acting

    @classmethod
    def user(cls, user: User, client_address: str | None = None) -> Actor:
        return cls("user", str(user.pk), user.email, client_address)

    @classmethod
    def operator(cls, user: User, client_address: str | None = None) -> Actor:
        return cls("operator", str(user.pk), user.email, client_address)

    @classmethod
    def key(cls, key: KeyEntry, client_address: str | None = None) -> Actor:
        return cls("api_key", str(key.key_id), key.name, client_address)


SYSTEM = Actor("system", "", "Postroom")
