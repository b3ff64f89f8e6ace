"""A lock that one process holds on a folder for its lifetime; the kernel drops it however that process ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from postroom.embedded.errors import StartError

RETRY_SECONDS = 0.05


class FolderLock:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, patience: float = 2.0) -> None:
        """Take the lock, giving a predecessor that is just leaving `patience` seconds; keep one that we hold."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StartError(f"{self.path} cannot be opened: {error.strerror}.") from None
        deadline = time.monotonic() + patience
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                os.close(descriptor)
                raise StartError(
                    f"Postroom already runs on {self.path.parent} (process {holder}): "
                    "stop it, or set POSTROOM_DATA_DIR to another folder."
                )
            time.sleep(RETRY_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
