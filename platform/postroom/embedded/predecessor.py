"""What a server left behind whose launcher, or which itself, was killed.

The caller holds the data folder's lock, so no launcher of ours lives. A stale postmaster.pid may name a process
that has nothing to do with PostgreSQL, for which PostgreSQL alone would refuse to start.
"""

from __future__ import annotations

import time
from pathlib import Path

from postroom.embedded.errors import StartError

POLL_SECONDS = 0.02


def wait_for_predecessor(cluster: Path, patience: float) -> None:
    """Give the processes of an earlier server the time to end, then drop their lock file."""
    deadline = time.monotonic() + patience
    while servers := servers_in(cluster):
        if time.monotonic() > deadline:
            raise StartError(
                f"Another PostgreSQL (process {servers[0]}) runs on {cluster}: stop it (kill -INT {servers[0]}), "
                "or set POSTROOM_DATA_DIR to another folder."
            )
        time.sleep(POLL_SECONDS)
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def servers_in(cluster: Path) -> list[int]:
    """Return the processes of servers on this cluster: all of them work in its folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text() == "postgres\n" and (entry / "cwd").samefile(cluster):
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, or another user's, which ours cannot be
            continue
    return sorted(found)
