"""Memory of sessions that say nothing: after EHLO, all at once. Ours are 1,000; Postfix has a process for each."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.cpu import kilobytes
from bench.table import Row
from bench.trial import Trial

OURS, PEERS = 1_000, 90
PATIENCE = 60.0


def idle(trial: Trial) -> list[Row]:
    ours = _growth(trial.ours.smtp_port, OURS, trial.our_processes)
    peers = _growth(trial.postfix.port, PEERS, trial.peers_processes)
    return [
        Row("an idle session", "kB", ours / OURS, peers / PEERS, more_is_better=False),
        Row(f"{OURS:,} idle sessions", "MiB", ours / 1024, None, more_is_better=False),
    ]


def _growth(port: int, sessions: int, processes: Callable[[], list[int]]) -> int:
    """Return by how many kilobytes so many sessions make a server larger."""
    with _sessions(port, 5):  # whatever the first ones make, they do not make again
        before = kilobytes(processes())
    with _sessions(port, sessions):
        return max(0, kilobytes(processes()) - before)


@contextmanager
def _sessions(port: int, number: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            _hear(client)
            client.sendall(b"EHLO client.example\r\n")
            _hear(client)
        yield


def _hear(client: socket.socket) -> None:
    """Read one reply to its last line."""
    heard = b""
    while not (heard.endswith(b"\r\n") and heard.splitlines()[-1][3:4] == b" "):
        block = client.recv(4096)
        if not block:
            raise ConnectionError("the server hung up")
        heard += block
