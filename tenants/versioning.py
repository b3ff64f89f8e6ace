"""Which objects of the configuration keep versions, and how each is pictured and brought back.

An action module registers its kind of object once, as a value; `audit()` does the rest (tenants/actions/versions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from django.db.models import Model

from tenants.actions.actor import Actor
from tenants.models import Tenant
from tenants.permissions import Permission

Picture = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Restoration:
    """What a revert asks of an object's own actions: the object as it is now, or none, and how it was.

    `changes` holds what differs, as values that the model takes; for an object that is gone, all of the picture.
    `secret` is the password that goes with it, where somebody gave one: versions hold none.
    """

    actor: Actor
    tenant: Tenant
    current: Any
    object_id: UUID
    number: int
    picture: Picture
    changes: dict[str, Any]
    secret: str | None


class Notes(Protocol):
    def __call__(self, current: Any, picture: Picture, actor: Actor, /) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class VersionedType:
    """A kind of object that keeps versions.

    `fields` are its settings: names in the pictures that its audit events hold. `picture` makes one now, without
    secrets. `restore` calls the ordinary action, which checks, audits and may refuse. `notes` says, translated, what
    a revert leaves as it is. `takes_secret`: a password may be given with a revert. `told_only` are fields that
    no revert sets.
    """

    model: type[Model]
    fields: tuple[str, ...]
    picture: Callable[[Any], Picture]
    restore: Callable[[Restoration], Model]
    notes: Notes
    permission: Permission = Permission.CONFIGURE
    takes_secret: bool = False
    told_only: frozenset[str] = frozenset()
    tenant_field: str = "tenant_id"

    @property
    def object_type(self) -> str:
        return self.model._meta.model_name or ""

    def settings(self, row: Model) -> Picture:
        """Return the row's settings and nothing else of it."""
        return pick(self.picture(row), self.fields)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; None stands for a value that is not there."""

    field: str
    before: Any
    after: Any


VERSIONED: Final[dict[str, VersionedType]] = {}
# What an audit event tells of a row and nobody has to compare.
_NO_SETTING: Final = frozenset({"id", "tenant", "created_at", "config_version"})


def register(kind: VersionedType) -> VersionedType:
    """Let a kind of object keep versions from now on."""
    assert kind.object_type not in VERSIONED, f"{kind.object_type} is registered twice"
    VERSIONED[kind.object_type] = kind
    return kind


def pick(values: Mapping[str, Any], fields: Sequence[str]) -> Picture:
    return {name: values[name] for name in fields if name in values}


def changes_between(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """Return what differs between two pictures, field by field, in the order of the pictures."""
    old, new = before or {}, after or {}
    names = [*new, *(name for name in old if name not in new)]
    return [
        Change(name, old.get(name), new.get(name))
        for name in names
        if name not in _NO_SETTING and old.get(name) != new.get(name)
    ]


def model_values(model: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a picture as the model's fields hold them; what is no field stays as it is."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    return {name: fields[name].to_python(value) if name in fields else value for name, value in values.items()}
