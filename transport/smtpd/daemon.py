"""The daemon: starts the parts, runs until it is told to stop, and then ends within half a minute losing nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from transport.smtpd.allowance import keep_counting
from transport.smtpd.content import clean_spool
from transport.smtpd.inherited import InheritedListener
from transport.smtpd.ledger import keep_ledger
from transport.smtpd.listeners import Listeners
from transport.smtpd.replies import SHUTTING_DOWN
from transport.smtpd.service import Service
from transport.smtpd.upkeep import keep_up, watch_pressure
from transport.smtpd.watch import Watch

logger = logging.getLogger(__name__)

GRACE: Final = 20.0  # for transactions under way; the supervisor's patience is 30 s
LAST_WORDS: Final = 2.0


class Daemon:
    def __init__(self, service: Service, inherited: Iterable[InheritedListener] | None = None) -> None:
        self.service = service
        self.listeners = Listeners(service, inherited)
        self.watch = Watch(service, self.listeners.apply)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start everything; listening begins once the configuration has been read."""
        clean_spool()
        service = self.service
        parts = (
            service.writer.run(),
            service.crowd.watch(),
            self.watch.run(),
            keep_up(service),
            watch_pressure(service),
            keep_counting(service),
            keep_ledger(service),
            *([service.authenticator.identity.keep()] if service.authenticator.identity is not None else ()),
        )
        self._tasks = [asyncio.ensure_future(part) for part in parts]
        for task in self._tasks:
            task.add_done_callback(_tell_of_end)

    async def stop(self, grace: float = GRACE) -> None:
        """Take no more connections, let transactions finish, close the rest with 421."""
        self.service.is_stopping = True
        await self.listeners.close()
        for session in [*self.service.crowd.sessions]:
            session.stop()
        await self._sessions_end(grace)
        for session in [*self.service.crowd.sessions]:
            session.hang_up(SHUTTING_DOWN)
        await self._sessions_end(LAST_WORDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)  # what failed was told already
        await self.service.close()

    async def _sessions_end(self, patience: float) -> None:
        deadline = asyncio.get_running_loop().time() + patience
        while self.service.crowd.sessions and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)


def _tell_of_end(task: asyncio.Task[None]) -> None:
    """Say so where a part ends of itself: all of them go on until the daemon ends."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("A part of the daemon has ended: %s", task.get_coro(), exc_info=error)


async def run(service: Service, stop: asyncio.Event) -> None:
    daemon = Daemon(service)
    await daemon.start()
    try:
        await stop.wait()
    finally:
        logger.info("Stopping: no more connections, transactions may finish.")
        await daemon.stop()
