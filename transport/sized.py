"""Batches by size: whatever is big is handled in pieces that fit into memory together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar


class Sized(Protocol):
    @property
    def size(self) -> int:
        """Return the octets."""


Item = TypeVar("Item", bound=Sized)


def by_size(items: Iterable[Item], limit: int) -> Iterator[list[Item]]:
    """Cut items into lists of `limit` octets at most each, in order; one that is larger stands alone."""
    chunk: list[Item] = []
    size = 0
    for item in items:
        if chunk and size + item.size > limit:
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += item.size
    if chunk:
        yield chunk
