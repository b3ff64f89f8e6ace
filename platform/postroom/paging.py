"""Pages of a list by the last row's key: no count, no offset, so the last page costs what the first does."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of rows; `next_url` is empty on the last one, `first_url` on the first."""

    rows: Sequence[Item]
    next_url: str
    first_url: str


def paginate(request: HttpRequest, rows: QuerySet[Row], order: Sequence[str], size: int = PAGE_SIZE) -> Page[Row]:
    """Return the page that `?after=` asks for. `order` must end in a unique field; '-' turns all fields round."""

    def fetch(after: list[Any] | None, limit: int) -> list[Row]:
        behind = rows.filter(_behind(order, after)) if after is not None and len(after) == len(order) else rows
        return list(behind.order_by(*order)[:limit])

    found = _fetched(request, fetch, size)
    return _page(request, found, size, lambda row: [getattr(row, field.removeprefix("-")) for field in order])


def paginate_items(
    request: HttpRequest,
    fetch: Callable[[list[Any] | None, int], Sequence[Item]],
    key: Callable[[Item], list[Any]],
    size: int = PAGE_SIZE,
) -> Page[Item]:
    """Return a page of what `fetch(after, limit)` yields; `key` ends in a UUID and has as many parts as `after`."""
    return _page(request, _fetched(request, fetch, size), size, key)


def paginate_by_id(
    request: HttpRequest, fetch: Callable[[UUID | None, int], Sequence[Row]], size: int = PAGE_SIZE
) -> Page[Row]:
    """Return a page of what `fetch(after, limit)` yields, where the last row's id alone says how it goes on."""
    after = _decoded(request.GET.get("after", ""))
    rows = fetch(UUID(str(after[-1])) if after else None, size + 1)
    return _page(request, rows, size, lambda row: [row.pk])


def _fetched(
    request: HttpRequest, fetch: Callable[[list[Any] | None, int], Sequence[Item]], size: int
) -> Sequence[Item]:
    """Return a page and one more; a key that another list gave out, or nobody, leads to the first page."""
    after = _decoded(request.GET.get("after", ""))
    if after is not None:
        with suppress(TypeError, ValueError, ValidationError):
            return fetch(after, size + 1)
    return fetch(None, size + 1)


def _page(request: HttpRequest, found: Sequence[Item], size: int, key: Callable[[Item], list[Any]]) -> Page[Item]:
    query = {name: value for name, value in request.GET.items() if name != "after"}
    more = len(found) > size
    next_url = f"?{urlencode({**query, 'after': _encoded(key(found[size - 1]))})}" if more else ""
    return Page(found[:size], next_url, f"?{urlencode(query)}" if "after" in request.GET else "")


def _behind(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the condition for rows after the key, as (a, b) > (x, y) written out."""
    condition = Q()
    for position, field in enumerate(order):
        name = field.removeprefix("-")
        same = {other.removeprefix("-"): values[at] for at, other in enumerate(order[:position])}
        condition |= Q(**same, **{f"{name}__{'lt' if field.startswith('-') else 'gt'}": values[position]})
    return condition


def _encoded(values: Sequence[Any]) -> str:
    text = json.dumps([_plain(value) for value in values])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _decoded(text: str) -> list[Any] | None:
    """Return the key in a page's address, or None for the first page and for anything that is no key."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        UUID(str(values[-1]))
    except (ValueError, binascii.Error, TypeError, LookupError):
        return None
    return values if isinstance(values, list) and all(_is_part(value) for value in values) else None


def _is_part(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and "\0" not in value)
