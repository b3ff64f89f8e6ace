"""What the machine says: the disk under the data folder and the memory. Cheap enough for each second."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from transport.pressure.levels import Resource

# RFC 1870 and Postfix: a disk with room for less than one and a half of the largest messages takes none (PF3).
ROOM_FOR: Final = 1.5
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class MachineReader:
    """Reads this machine. `largest` is the largest message that a listener takes, in octets."""

    def __init__(self, folder: Path, largest: int) -> None:
        self._folder = folder
        self._largest = largest

    def __call__(self) -> dict[Resource, float]:
        """Return the readings; what this system does not tell is left out."""
        readings: dict[Resource, float] = {}
        disk = self._disk()
        if disk is not None:
            readings[Resource.DISK] = disk
        memory = _machine_memory()
        if memory is not None:
            total, available = memory
            readings[Resource.MACHINE_MEMORY] = 100 * (total - available) / total
            resident = _resident()
            if resident is not None:
                readings[Resource.PROCESS_MEMORY] = 100 * resident / total
        return readings

    def _disk(self) -> float | None:
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError:
            return None
        return disk_reading(usage.used, usage.free, self._largest)


def disk_reading(used: int, free: int, largest: int) -> float:
    """Return the per cent used, 100 where the largest message would not fit one and a half times.

    `free` is what an ordinary process may use; the reserve of the system's administrator counts as used.
    """
    if free < ROOM_FOR * largest:
        return 100.0
    return 100 * used / (used + free)


def _machine_memory() -> tuple[int, int] | None:
    """Return total and available memory in octets (Linux), None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    values = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    total, available = values.get("MemTotal"), values.get("MemAvailable")
    return (total, available) if total and available is not None else None


def _resident() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None
