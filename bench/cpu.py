"""CPU time and memory of whole trees of processes, as the kernel has them: a busy machine changes these little."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

TICKS: int = os.sysconf("SC_CLK_TCK")
_PARENT, _FIRST, _LAST = 1, 11, 15  # fields of /proc/PID/stat after the name; utime, stime and those of reaped children


def tree(root: int) -> list[int]:
    """Return a process and everything below it."""
    children: dict[int, list[int]] = {}
    for pid in _all():
        children.setdefault(int(_fields(pid)[_PARENT] or -1), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def seconds(pids: Iterable[int]) -> float:
    """Return the CPU time that these processes have used, and those of their children that have ended."""
    return sum(int(field) for pid in pids for field in _fields(pid)[_FIRST:_LAST]) / TICKS


def kilobytes(pids: Iterable[int]) -> int:
    """Return the memory of these processes; what several share is counted once (PSS)."""
    return sum(_pss(pid) for pid in pids)


def _all() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return ["0"] * (_LAST + 1)


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
