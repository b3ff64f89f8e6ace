"""Expectations that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tenants.problems import Problem


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[Problem]]:
    """Expect an action to be refused with this reason code."""
    with pytest.raises(Problem) as caught:
        yield caught
    assert caught.value.code == code
