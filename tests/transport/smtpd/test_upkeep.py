"""What the daemon does by the clock goes on, whatever happens to one part or one round of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.smtpd import crowd as crowd_module
from transport.smtpd import daemon as daemon_module
from transport.smtpd import upkeep
from transport.smtpd.crowd import Crowd


class Odd:
    """A session in no state that anybody thought of."""


class Beats:
    """A link that counts what it is asked to run, and fails each time."""

    def __init__(self, name: str) -> None:
        self.count = 0
        Beats.latest = self

    latest: Beats

    async def run(self, work: object) -> None:
        self.count += 1
        raise ValueError("nothing that a database says")

    async def close(self) -> None:
        """Nothing is open."""


def test_the_heart_beats_on_when_certificates_or_a_beat_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "Link", Beats)
    monkeypatch.setattr(upkeep, "INTERVAL", 0.0)

    def refresh() -> None:
        raise PermissionError("the folder is root's")

    async def live() -> None:
        service: Any = SimpleNamespace(certificate=SimpleNamespace(refresh=refresh))
        task = asyncio.ensure_future(upkeep.keep_up(service))
        async with asyncio.timeout(10):
            while not hasattr(Beats, "latest") or Beats.latest.count < 3:
                assert not task.done(), "the heart has stopped"
                await asyncio.sleep(0)
        task.cancel()

    asyncio.run(live())


def test_one_session_in_an_odd_state_does_not_stop_the_clock_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "TICK", 0.0)
    looked = 0

    def fail(now: float, patience: float) -> None:
        nonlocal looked
        looked += 1
        raise RuntimeError("the handle is closed")

    async def live() -> None:
        crowd = Crowd()
        connector = SimpleNamespace(id=1, max_connections=10)
        session: Any = Odd()
        session.connector, session.idle_timeout, session.look_at_clock = connector, 1.0, fail
        crowd.sessions.add(session)
        task = asyncio.ensure_future(crowd.watch())
        async with asyncio.timeout(10):
            while looked < 3:
                assert not task.done(), "the clock has stopped"
                await asyncio.sleep(0)
        task.cancel()

    asyncio.run(live())


@pytest.mark.django_db(transaction=True)
def test_a_part_that_failed_is_told_of_and_hinders_nothing(
    alice: object, make_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(service: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(daemon_module, "keep_ledger", fail)
    with caplog.at_level(logging.CRITICAL, daemon_module.__name__):
        server = make_server()
        with server.connect() as client:
            client.ehlo()
            client.envelope("x@y.example", "bob@contoso.example")
            assert client.data(CONTENT).startswith("250")
        server.stop()
    assert "A part of the daemon has ended" in caplog.text
