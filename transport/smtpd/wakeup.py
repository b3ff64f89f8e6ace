"""Hints to the workers that there is mail. They may get lost, come late, or never: the sweep finds the work anyway."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tenants.wakeups import wake

DELIVER_TASK: Final = "transport.deliver"
INTERVAL: Final = 0.1


class WakeUp:
    """At most one hint each INTERVAL, sent by a thread: the broker's client blocks, and it may be down."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wake-up")
        self._is_wanted = self._is_resting = False

    def ring(self) -> None:
        if self._is_resting:
            self._is_wanted = True
            return
        self._is_resting, self._is_wanted = True, False
        sending = asyncio.get_running_loop().run_in_executor(self._executor, wake, DELIVER_TASK)
        sending.add_done_callback(self._sent)

    def _sent(self, sending: asyncio.Future[None]) -> None:
        if not sending.cancelled():
            sending.exception()  # the sender has logged it
        asyncio.get_running_loop().call_later(INTERVAL, self._rested)

    def _rested(self) -> None:
        self._is_resting = False
        if self._is_wanted:
            self.ring()

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
