"""What the configuration was, and what differs between two points in time. Call it inside a scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from tenants.identifiers import first_uuid7_of
from tenants.models import ConfigurationVersion
from tenants.versioning import Change, changes_between

MOST_OBJECTS: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not at the end what it was at the start; `verb` is added, removed or changed."""

    object_type: str
    object_id: UUID
    object_name: str
    verb: str
    changes: Sequence[Change]
    last: ConfigurationVersion


@dataclass(frozen=True, slots=True)
class Comparison:
    """The objects that differ, those changed last first; `has_more` where there are more than are told."""

    objects: Sequence[Difference]
    has_more: bool


def versions(tenant_id: UUID) -> QuerySet[ConfigurationVersion]:
    """Return the tenant's versions, without an order."""
    return ConfigurationVersion.objects.filter(tenant_id=tenant_id)


def versions_of(tenant_id: UUID, object_type: str, object_id: UUID) -> QuerySet[ConfigurationVersion]:
    return versions(tenant_id).filter(object_type=object_type, object_id=object_id)


def predecessors(tenant_id: UUID, rows: Sequence[ConfigurationVersion]) -> dict[UUID, ConfigurationVersion]:
    """Return for each version the one before it, by the later one's id, in one query; versions number 1 have none."""
    wanted = {(row.object_type, row.object_id, row.number - 1): row.pk for row in rows if row.number > 1}
    return {wanted[_key(row)]: row for row in _numbered(tenant_id, list(wanted))}


def compare(
    tenant_id: UUID,
    start: datetime,
    end: datetime,
    *,
    object_type: str = "",
    object_id: UUID | None = None,
    limit: int = MOST_OBJECTS,
) -> Comparison:
    """Return how the configuration at `end` differs from that at `start`, both inclusive of changes in that moment.

    Only objects changed in between are read, or of those one kind or one: the last version in the span is the later
    state, and the one before the first in the span the earlier.
    """
    if start > end:
        start, end = end, start
    inside = versions(tenant_id).filter(id__gte=_after(start), id__lt=_after(end))
    wanted = {"object_type": object_type, "object_id": object_id}
    inside = inside.filter(**{name: value for name, value in wanted.items() if value})
    spans = list(
        inside.values("object_type", "object_id")
        .annotate(first=Min("number"), final=Max("number"), latest=Max("at"))
        .order_by("-latest", "object_id")[: limit + 1]
    )
    found = _ends(tenant_id, spans[:limit])
    told = [_difference(span, found) for span in spans[:limit]]
    return Comparison([one for one in told if one is not None], len(spans) > limit)


def _after(moment: datetime) -> UUID:
    return first_uuid7_of(moment + timedelta(milliseconds=1))


def _ends(tenant_id: UUID, spans: Sequence[Mapping[str, Any]]) -> dict[tuple[str, UUID, int], ConfigurationVersion]:
    keys = [
        (span["object_type"], span["object_id"], number)
        for span in spans
        for number in {span["first"] - 1, span["first"], span["final"]}
    ]
    return {_key(row): row for row in _numbered(tenant_id, keys)}


def _numbered(tenant_id: UUID, keys: Sequence[tuple[str, UUID, int]]) -> Sequence[ConfigurationVersion]:
    if not keys:
        return []
    condition = Q()
    for object_type, object_id, number in keys:
        condition |= Q(object_type=object_type, object_id=object_id, number=number)
    return list(versions(tenant_id).filter(condition))


def _key(row: ConfigurationVersion) -> tuple[str, UUID, int]:
    return row.object_type, row.object_id, row.number


def _difference(span: Mapping[str, Any], found: dict[tuple[str, UUID, int], ConfigurationVersion]) -> Difference | None:
    """Return how an object differs; None where it came back to what it was, or came and went."""
    name = span["object_type"], span["object_id"]
    last = found[*name, span["final"]]
    earlier = found.get((*name, span["first"] - 1))
    if earlier is None and span["first"] > 1:
        earlier = found[*name, span["first"]]  # what came before it was thinned out
    before = earlier.picture if earlier else None
    changes = changes_between(before, last.picture)
    if not changes:
        return None
    verb = "added" if before is None else "removed" if last.picture is None else "changed"
    return Difference(*name, last.object_name, verb, changes, last)
