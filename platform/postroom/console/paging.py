"""Pages of a list by the last row's key: no count, no offset, so the last page costs what the first does."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of rows; `next_url` is empty on the last one, `first_url` on the first."""

    rows: Sequence[Row]
    next_url: str
    first_url: str


def paginate(request: HttpRequest, rows: QuerySet[Row], order: Sequence[str], size: int = PAGE_SIZE) -> Page[Row]:
    """Return the page that `?after=` asks for. `order` must end in a unique field; '-' turns all fields round."""
    after = _decoded(request.GET.get("after", ""), len(order))
    if after is not None:
        rows = rows.filter(_behind(order, after))
    found = list(rows.order_by(*order)[: size + 1])
    shown = found[:size]
    query = {name: value for name, value in request.GET.items() if name != "after"}
    next_url = f"?{urlencode({**query, 'after': _encoded(shown[-1], order)})}" if len(found) > size else ""
    return Page(shown, next_url, f"?{urlencode(query)}" if after is not None else "")


def _behind(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the condition for rows after the key, as (a, b) > (x, y) written out."""
    condition = Q()
    for position, field in enumerate(order):
        name = field.removeprefix("-")
        same = {other.removeprefix("-"): values[at] for at, other in enumerate(order[:position])}
        condition |= Q(**same, **{f"{name}__{'lt' if field.startswith('-') else 'gt'}": values[position]})
    return condition


def _encoded(row: Model, order: Sequence[str]) -> str:
    values = [_plain(getattr(row, field.removeprefix("-"))) for field in order]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _decoded(text: str, length: int) -> list[Any] | None:
    """Return the key in a page's address, or None for the first page and for anything that is no key."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(values, list) or len(values) != length or not all(isinstance(v, str | int) for v in values):
        return None
    try:
        UUID(str(values[-1]))
    except ValueError:
        return None
    return values
