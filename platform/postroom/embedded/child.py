"""One child process: its start in a session of its own, its output, its end, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from postroom.embedded.errors import StartError
from postroom.embedded.lifeline import dies_with_parent
from postroom.embedded.output import Console, OutputPipe

LAST_OUTPUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how it likes to be stopped; programs of a lower stage are stopped first."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    stop_stage: int = 0
    stop_timeout: float = 10.0


class Reaper:
    """Learns from SIGCHLD which of the processes we wait for have ended; must run in the main thread."""

    def __init__(self) -> None:
        self._waiting: dict[subprocess.Popen[bytes], asyncio.Future[int]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    async def wait(self, process: subprocess.Popen[bytes]) -> int:
        future = self._waiting.setdefault(process, self._loop.create_future())
        self._reap()
        return await asyncio.shield(future)

    def _reap(self) -> None:
        for process, future in list(self._waiting.items()):
            if (status := process.poll()) is not None:
                del self._waiting[process]
                future.set_result(status)

    def close(self) -> None:
        self._loop.remove_signal_handler(signal.SIGCHLD)


class Child:
    """A running program whose lines go to the console; with `capture`, its standard output is kept instead."""

    def __init__(self, program: Program, console: Console, reaper: Reaper, *, capture: bool = False) -> None:
        self.program = program
        self.last_line = ""
        self.captured: list[str] = []
        self._console = console
        self._reaper = reaper
        self.process = self._spawn(capture)
        self._pipes = [OutputPipe(_own(self.process.stdout), self.captured.extend if capture else self._say)]
        if capture:
            self._pipes.append(OutputPipe(_own(self.process.stderr), self._say))

    def _spawn(self, capture: bool) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self.program.command,
                env={**os.environ, **self.program.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if capture else subprocess.STDOUT,
                pass_fds=self.program.descriptors,
                start_new_session=True,  # a terminal's Ctrl-C reaches us alone; we stop the others in order
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        except OSError as error:
            raise StartError(f"{self.program.name} cannot be started ({error.filename}): {error.strerror}.") from None

    def _say(self, lines: list[str]) -> None:
        if spoken := [line for line in lines if line.strip()]:
            self.last_line = spoken[-1]
            self._console.say(self.program.name, *spoken)

    async def wait(self) -> int:
        """Wait for its end, remove what is left of its session, and hand on its last words."""
        status = await self._reaper.wait(self.process)
        self._kill_session()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_OUTPUT_SECONDS):
                for pipe in self._pipes:
                    await pipe.ended.wait()
        for pipe in self._pipes:
            pipe.close()
        return status

    async def stop(self, hurry: asyncio.Event) -> bool:
        """Ask it to end, insist when its time is up or we are in a hurry; return whether it ended by itself."""
        self.process.send_signal(signal.SIGTERM)
        ended, hurried = asyncio.ensure_future(self.wait()), asyncio.ensure_future(hurry.wait())
        await asyncio.wait({ended, hurried}, timeout=self.program.stop_timeout, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        in_time = ended.done()
        if not in_time:
            self._kill_session()
        await ended
        return in_time

    def _kill_session(self) -> None:
        # The number of a session stays taken while one of its processes lives, so this hits nobody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _own(stream: IO[bytes] | None) -> int:
    """Take the descriptor out of a stream that `subprocess` made, so that it is closed once and by us."""
    assert stream is not None
    descriptor = os.dup(stream.fileno())
    stream.close()
    return descriptor


def describe_status(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return "ended" if status == 0 else f"ended with status {status}"
