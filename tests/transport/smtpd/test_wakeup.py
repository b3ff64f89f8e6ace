from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from transport.smtpd.wakeup import INTERVAL, WakeUp


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that sent a hint, instead of the broker."""
    sent: list[str] = []
    monkeypatch.setattr("transport.smtpd.wakeup.wake", lambda task: sent.append(threading.current_thread().name))
    return sent


@pytest.fixture
def wakeup() -> Iterator[WakeUp]:
    made = WakeUp()
    yield made
    made.close()


async def settled(hints: list[str], count: int) -> None:
    deadline = time.monotonic() + 5
    while len(hints) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.01)


async def test_many_messages_are_told_in_few_hints_and_the_last_one_is_not_forgotten(
    hints: list[str], wakeup: WakeUp
) -> None:
    for _ in range(1000):
        wakeup.ring()
    await settled(hints, 2)
    await asyncio.sleep(2 * INTERVAL)
    assert len(hints) == 2
    assert all(name.startswith("wake-up") for name in hints)


async def test_a_broker_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, wakeup: WakeUp) -> None:
    release = threading.Event()
    monkeypatch.setattr("transport.smtpd.wakeup.wake", lambda task: release.wait(5))
    started = time.monotonic()
    for _ in range(100):
        wakeup.ring()
    assert time.monotonic() - started < 0.5
    release.set()


async def test_a_broker_that_fails_is_asked_again_later(monkeypatch: pytest.MonkeyPatch, wakeup: WakeUp) -> None:
    sent: list[str] = []

    def fail_once(task: str) -> None:
        sent.append(task)
        if len(sent) == 1:
            raise RuntimeError("no broker")

    monkeypatch.setattr("transport.smtpd.wakeup.wake", fail_once)
    wakeup.ring()
    wakeup.ring()
    await settled(sent, 2)
    assert sent == ["transport.deliver"] * 2
