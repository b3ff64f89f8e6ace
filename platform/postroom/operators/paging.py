"""Pages by the last row's key, as programs and people go on: no count, no offset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest

Item = TypeVar("Item")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page; `next_url` is empty on the last one, `first_url` on the first."""

    rows: Sequence[Item]
    next_url: str
    first_url: str


def paged(
    request: HttpRequest, fetch: Callable[[UUID | None, int], Sequence[Item]], key: Callable[[Item], UUID]
) -> Page[Item]:
    """Return the page that `?after=` asks for, of what `fetch(after, limit)` yields."""
    found = fetch(_after(request), PAGE_SIZE + 1)
    kept = {name: value for name, value in request.GET.items() if name != "after"}
    more = len(found) > PAGE_SIZE
    next_url = f"?{urlencode({**kept, 'after': key(found[PAGE_SIZE - 1])})}" if more else ""
    return Page(found[:PAGE_SIZE], next_url, f"?{urlencode(kept)}" if "after" in request.GET else "")


def _after(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("after", ""))
    except ValueError:
        return None
