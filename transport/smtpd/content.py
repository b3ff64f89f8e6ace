"""Message content on its way in: in memory while it is short, then in a file without a name under the data folder.

The file has no name, so that nothing is left of it whatever happens to us.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import IO, Final

from django.conf import settings

from transport.message.lines import dot_unstuff

logger = logging.getLogger(__name__)

MEMORY_LIMIT: Final = 256 * 1024
# How far beyond the limit we go on reading to be able to answer in step; then the connection ends.
PATIENCE: Final = 8 * 1024 * 1024
# What a session may keep in memory when the daemon is short of it: a file of its own would cost more.
LITTLE: Final = 1024
SMALL: Final = 4096  # what comes in pieces below it is joined
PREFIX: Final = "postroom-data-"


class TooMuchData(Exception):
    """The content exceeds the limit; `in_step` says whether its end was seen."""

    def __init__(self, *, in_step: bool) -> None:
        super().__init__()
        self.in_step = in_step


class SpoolFailed(Exception):
    """The content had no room on the disk. Its end was seen, and it is gone."""


def spool_folder() -> Path:
    """Return the folder of files under way, made where it is not there."""
    folder: Path = settings.POSTROOM_DATA_DIR / "spool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def clean_spool() -> None:
    """Remove what an earlier daemon left where a file system knows no files without names."""
    for left in spool_folder().glob(f"{PREFIX}*"):
        left.unlink(missing_ok=True)


class Spooled:
    """Content in a file; it can be read once."""

    __slots__ = ("_file", "_is_stuffed")

    def __init__(self, file: IO[bytes], *, is_stuffed: bool) -> None:
        self._file, self._is_stuffed = file, is_stuffed

    def read(self) -> bytes:
        """Return the whole content, and close the file; raise SpoolFailed. Blocks: call it in a thread."""
        try:
            with self._file as file:
                file.seek(0)
                content = file.read()
        except OSError as error:
            logger.error("Spooled content cannot be read, its client is put off: %s", error)
            raise SpoolFailed from error
        return dot_unstuff(content) if self._is_stuffed else content


class Incoming:
    """Content while it comes. Beyond the limit it is only counted."""

    __slots__ = ("_file", "_has_failed", "_is_stuffed", "_limit", "_parts", "in_memory", "size")

    def __init__(self, limit: int, *, is_stuffed: bool = False) -> None:
        self._limit, self._is_stuffed = limit, is_stuffed
        self.size = self.in_memory = 0
        self._parts: list[bytes | bytearray] = []
        self._file: IO[bytes] | None = None
        self._has_failed = False

    @property
    def is_hopeless(self) -> bool:
        return self.size > self._limit + PATIENCE

    def add(self, block: bytes | bytearray) -> None:
        self.size += len(block)
        if self.size > self._limit or self._has_failed:
            self.drop()
        elif self._file is not None:
            self._write(block)
        else:
            self._keep(block)
            self.in_memory += len(block)
            if self.in_memory > MEMORY_LIMIT:
                self.to_file()

    def _keep(self, block: bytes | bytearray) -> None:
        # Each part costs some hundred octets besides its own: a client that sends them one by one must not make us
        # hold a hundred times what is counted.
        if self._parts and len(self._parts[-1]) < SMALL:
            self._parts[-1] += block
        else:
            self._parts.append(block)

    def to_file(self) -> None:
        """Keep it on disk from now on."""
        if self._file is None and self.in_memory > LITTLE:
            parts, self._parts, self.in_memory = self._parts, [], 0
            self._write(*parts)

    def _write(self, *blocks: bytes | bytearray) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix=PREFIX, dir=spool_folder())  # noqa: SIM115 - see `drop`
            self._file.writelines(blocks)
        except OSError as error:
            logger.error("Content cannot be spooled, its client is put off: %s", error)
            self._has_failed = True
            self.drop()

    def drop(self) -> None:
        """Forget it all."""
        self._parts.clear()
        self.in_memory = 0
        file, self._file = self._file, None
        if file is not None:
            _close(file)

    def finish(self) -> bytes | Spooled:
        """Return the whole content; raise TooMuchData or SpoolFailed."""
        if self.size > self._limit:
            raise TooMuchData(in_step=True)
        if self._has_failed:
            raise SpoolFailed
        file, self._file = self._file, None
        if file is not None:
            return Spooled(file, is_stuffed=self._is_stuffed)
        whole = bytes(self._parts[0]) if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return dot_unstuff(whole) if self._is_stuffed else whole


def _close(file: IO[bytes]) -> None:
    try:
        file.close()
    except OSError as error:
        # What is still in its buffer has no room either; nobody wants it any more.
        logger.debug("While dropping content: %s", error)
