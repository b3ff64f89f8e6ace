"""Keeps programs running under one roof: starts them, starts them again, stops them in order. Linux only.

`run` takes a coroutine function that brings everything up by means of the methods below, and returns after SIGINT,
SIGTERM or SIGHUP; when something cannot start, it stops the rest and raises StartError. A second signal stops
whatever is left at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

from postroom.embedded.child import Child, Program, Reaper, describe_status
from postroom.embedded.errors import StartError
from postroom.embedded.keeper import Backoff, DatabaseKeeper, Keeper, ProgramKeeper
from postroom.embedded.output import Console
from postroom.embedded.postgres import EmbeddedPostgres

OURSELVES = "postroom"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TRIES_BEFORE_READY = 3
PROBE_SECONDS = 0.1

Probe = Callable[[], Awaitable[bool]]
BringUp = Callable[["Supervisor"], Coroutine[Any, Any, None]]


class Supervisor:
    def __init__(self, console: Console, *, backoff: Callable[[], Backoff] = Backoff) -> None:
        self.console = console
        self.is_ready = False
        self._new_backoff = backoff
        self._keepers: dict[Keeper, asyncio.Task[None]] = {}
        self._once: Child | None = None
        self._stop_asked = asyncio.Event()
        self._hurry = asyncio.Event()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reaper = Reaper()

    # What `bring_up` uses -----------------------------------------------------------------------------

    def keep(self, program: Program) -> None:
        """Start a program and keep it running."""
        self._start_keeping(ProgramKeeper(program, self.console, self._reaper, self._new_backoff(), self._may_give_up))

    async def keep_database(self, server: EmbeddedPostgres) -> None:
        """Start PostgreSQL, wait until it answers, keep it running."""
        server.launch()
        self._start_keeping(DatabaseKeeper(server, self.console, self._reaper, self._new_backoff()))
        deadline = time.monotonic() + server.start_timeout
        while not server.is_ready():
            server.raise_if_ended()
            if time.monotonic() > deadline:
                raise StartError(f"PostgreSQL does not answer after {server.start_timeout:.0f} s: {server.log_path}.")
            await asyncio.sleep(PROBE_SECONDS / 5)
        server.ensure_database()

    async def run_once(self, program: Program) -> list[str]:
        """Run a program to its end; return the lines of its standard output."""
        self._once = child = Child(program, self.console, self._reaper, capture=True)
        status = await child.wait()
        self._once = None
        if status:
            raise StartError(f"{program.name} {describe_status(status)}: {child.last_line}")
        return child.captured

    async def wait_for(self, probe: Probe, *, timeout: float, pause: float = PROBE_SECONDS) -> bool:
        """Try until the probe succeeds; return False when the time is up."""
        deadline = time.monotonic() + timeout
        while not await probe():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(pause)
        return True

    def say(self, *lines: str) -> None:
        self.console.say(OURSELVES, *lines)

    # The whole life -----------------------------------------------------------------------------------

    async def run(self, bring_up: BringUp) -> None:
        with self._signals():
            try:
                await self._bring_up_and_wait(bring_up)
            finally:
                await self._stop_all()
                self._reaper.close()

    async def _bring_up_and_wait(self, bring_up: BringUp) -> None:
        bringing = asyncio.create_task(bring_up(self))
        asked = asyncio.create_task(self._stop_asked.wait())
        ends: set[asyncio.Future[Any]] = {asked, self._failed}
        try:
            await asyncio.wait({bringing, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if bringing.done():
                bringing.result()
                self.is_ready = True
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
        finally:
            for task in (bringing, asked):
                task.cancel()
            await asyncio.gather(bringing, asked, return_exceptions=True)

    def _start_keeping(self, keeper: Keeper) -> None:
        task = asyncio.ensure_future(keeper.keep())
        task.add_done_callback(self._keeper_ended)
        self._keepers[keeper] = task

    def _keeper_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)

    def _may_give_up(self, failures: int) -> bool:
        """Say that repeating is hopeless: before all is ready somebody sits there and can mend it."""
        return not self.is_ready and failures >= TRIES_BEFORE_READY

    async def _stop_all(self) -> None:
        if self._failed.done():
            self._failed.exception()  # seen, should it have come while something else went wrong
        if self._stop_asked.is_set():
            self.say("Stopping.")
        for task in self._keepers.values():
            task.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        if self._once is not None:
            await self._once.stop(self._hurry)
        for stage in sorted({keeper.stop_stage for keeper in self._keepers}):
            keepers = [keeper for keeper in self._keepers if keeper.stop_stage == stage]
            await asyncio.gather(*(keeper.stop(self._hurry) for keeper in keepers))

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = set(STOP_SIGNALS)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # started by nohup
            numbers.remove(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self.ask_to_stop)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def ask_to_stop(self) -> None:
        if self._stop_asked.is_set():
            self._hurry.set()
        self._stop_asked.set()
