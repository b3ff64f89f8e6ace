"""Places of a receive connector: none is lost, whatever ends in the same moment (reliability PF6)."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from transport.smtpd import crowd as crowd_module
from transport.smtpd.crowd import Crowd

ADDRESS = "192.0.2.1"


def test_a_place_that_becomes_free_as_patience_ends_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "PATIENCE", 0.02)
    connector: Any = SimpleNamespace(id=uuid4(), max_connections=1)
    first, patient, last = (cast(Any, object()) for _ in range(3))

    async def meet() -> tuple[bool, bool]:
        loop, crowd = asyncio.get_running_loop(), Crowd()
        enter = crowd.enter
        assert await enter(first, connector, ADDRESS)
        waiting = loop.create_task(enter(patient, connector, ADDRESS))
        await asyncio.sleep(0)
        loop.call_later(0.03, crowd.leave, first, connector, ADDRESS)
        time.sleep(0.05)  # both are due now, and happen in one round of the loop
        return await waiting, await enter(last, connector, ADDRESS)

    assert asyncio.run(meet()) == (False, True)
