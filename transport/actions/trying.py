"""Whether a change is only tried and will be undone: then what waits for it need not be touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_trying: ContextVar[bool] = ContextVar("trying", default=False)


@contextmanager
def trying() -> Iterator[None]:
    """Mark what is changed inside as tried: the caller rolls it back."""
    token = _trying.set(True)
    try:
        yield
    finally:
        _trying.reset(token)


def is_tried() -> bool:
    return _trying.get()
