"""Keeping something running: started again when it ends, ever later when it ends at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from postroom.embedded.child import Child, Program, Reaper, describe_status
from postroom.embedded.errors import StartError
from postroom.embedded.output import Console
from postroom.embedded.postgres import EmbeddedPostgres


@dataclass(slots=True)
class Backoff:
    """0.5 s, 1 s, 2 s … up to `longest`; from the beginning after a run of `steady` seconds."""

    first: float = 0.5
    longest: float = 30.0
    steady: float = 30.0
    failures: int = 0

    def after(self, run_seconds: float) -> float:
        """Return how long to wait after a run that ended."""
        self.failures = 1 if run_seconds >= self.steady else self.failures + 1
        return float(min(self.longest, self.first * 2 ** min(self.failures - 1, 16)))


class Keeper(Protocol):
    """What the supervisor knows of anything that it keeps running."""

    name: str
    stop_stage: int

    async def keep(self) -> None:
        """Run it again and again, until cancelled; raise StartError where that is hopeless."""

    async def stop(self, hurry: asyncio.Event) -> None:
        """End what `keep`, which has been cancelled, left running."""


class ProgramKeeper:
    def __init__(
        self, program: Program, console: Console, reaper: Reaper, backoff: Backoff, may_give_up: Callable[[int], bool]
    ) -> None:
        self.name = program.name
        self.stop_stage = program.stop_stage
        self._program = program
        self._console = console
        self._reaper = reaper
        self._backoff = backoff
        self._may_give_up = may_give_up
        self.child: Child | None = None

    async def keep(self) -> None:
        while True:
            started = time.monotonic()
            self.child = child = Child(self._program, self._console, self._reaper)
            status = await child.wait()
            self.child = None
            await self._pause(child, status, time.monotonic() - started)

    async def _pause(self, child: Child, status: int, run_seconds: float) -> None:
        delay = self._backoff.after(run_seconds)
        if self._may_give_up(self._backoff.failures):
            raise StartError(f"{self.name} {describe_status(status)} each time it was started: {child.last_line}")
        self._console.say(self.name, f"{describe_status(status)}; starting it again in {delay:g} s.")
        await asyncio.sleep(delay)

    async def stop(self, hurry: asyncio.Event) -> None:
        if self.child is not None and not await self.child.stop(hurry):
            self._console.say(self.name, "did not stop in time and was killed.")
        self.child = None


class DatabaseKeeper:
    """Keeps the embedded PostgreSQL, which is stopped last."""

    name = "database"
    stop_stage = 9

    def __init__(self, server: EmbeddedPostgres, console: Console, reaper: Reaper, backoff: Backoff) -> None:
        self._server = server
        self._console = console
        self._reaper = reaper
        self._backoff = backoff

    async def keep(self) -> None:
        """Keep the server that has been launched; a PostgreSQL that was killed recovers when started again."""
        while True:
            started = time.monotonic()
            process = self._server.process
            assert process is not None
            status = await self._reaper.wait(process)
            delay = self._backoff.after(time.monotonic() - started)
            self._console.say(self.name, f"{describe_status(status)}; starting it again in {delay:g} s.")
            await asyncio.sleep(delay)
            self._server.launch()

    async def stop(self, hurry: asyncio.Event) -> None:
        self._server.stop()
