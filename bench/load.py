"""Debian's smtp-source as client and smtp-sink as next hop; both come with Postfix and cost little."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.postfix import free_port, greets

PATIENCE = 120.0
RUN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Load:
    """So many messages of one size over so many sessions at once, each with connections anew or one for all."""

    sessions: int
    messages: int
    size: int = 4096
    reuse: bool = True

    @property
    def label(self) -> str:
        size = f"{self.size // 1024} KB"
        return f"{size}, {self.sessions} session{'s' if self.sessions > 1 else ''}, {'reused' if self.reuse else 'new'}"

    def options(self) -> Sequence[str]:
        reuse = ["-d"] if self.reuse else []
        return [*reuse, "-s", str(self.sessions), "-m", str(self.messages), "-l", str(self.size)]


class LoadFailed(Exception):
    """A server refused some of the load, or did not finish it in time."""


def offer(load: Load, *, port: int, sender: str, recipient: str) -> float:
    """Hand all messages in; return the seconds until the last was acknowledged."""
    command = ["smtp-source", *load.options(), "-M", "client.example", "-f", sender, "-t", recipient]
    started = time.monotonic()
    done = subprocess.run([*command, f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=RUN_SECONDS)
    seconds = time.monotonic() - started
    if done.returncode or done.stderr:
        raise LoadFailed(f"{load.label}: {done.stderr.strip()[:500]}")
    return seconds


class Sink:
    """A next hop that takes everything and counts it."""

    def __init__(self, folder: Path, *, address: str = "127.0.0.1") -> None:
        self.port = free_port(address)
        self._address = address
        self._counters = folder / f"smtp-sink-{self.port}"

    def __enter__(self) -> Self:
        account = ["-u", "nobody"] if os.geteuid() == 0 else []
        with self._counters.open("wb") as output:
            command = ["smtp-sink", *account, "-c", "-h", "sink.example", f"{self._address}:{self.port}", "1000"]
            self._process = subprocess.Popen(command, stdout=output)
        wait_until(lambda: greets("127.0.0.1", self.port), "smtp-sink does not answer")
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def count(self) -> int:
        """Return how many messages came in since it started."""
        with self._counters.open("rb") as file:
            file.seek(max(0, self._counters.stat().st_size - 200))
            found = re.findall(rb"mesg=(\d+)\D", file.read())
        return int(found[-1]) if found else 0


def wait_until(probe: Callable[[], bool], otherwise: str, *, every: float = 0.005) -> float:
    """Wait for a condition; return the seconds that it took."""
    started = time.monotonic()
    while not probe():
        if time.monotonic() > started + PATIENCE:
            raise LoadFailed(otherwise)
        time.sleep(every)
    return time.monotonic() - started
