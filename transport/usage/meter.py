"""What one process knows of the counts: read when needed, refreshed each second, its own additions on top.

Checking costs no query. What other processes accepted shows a second later, so together they may let through what each
of them accepts in that second, and no more; one process alone is exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

from transport.usage.count import Count, Key, Sum
from transport.usage.windows import hour_of

MAX_COUNTS: Final = 65_536
# Of the counts that are known, so many are read anew in one round: the busy ones each time, the others in turn.
MAX_REFRESHED: Final = 2_000
IDLE_REFRESHED: Final = 200


@dataclass(slots=True)
class Load:
    """What a tenant held when it was counted last, and what came in here since."""

    queued: int = 0
    stored: int = 0
    queued_since: int = 0
    stored_since: int = 0


class Meter:
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.pending: dict[tuple[Key, int], Sum] = {}
        self.tallied_at: object = None
        self._counts: dict[Key, Count] = {}
        self._loads: dict[UUID, Load] = {}
        self._busy: dict[Key, None] = {}

    # Asking ------------------------------------------------------------------------------------------------

    def missing(self, keys: Iterable[Key]) -> list[Key]:
        """Return those that have to be read before they can be asked for."""
        return [key for key in keys if key not in self._counts]

    def count(self, key: Key) -> Count:
        """Return what counts now; a key that was never read counts from nothing."""
        hour = hour_of(self.clock())
        self._busy[key] = None
        known = self._counts.get(key)
        if known is None:
            known = self._counts[key] = Count(hour)
        else:
            known.turn(hour)
        return known

    def load(self, tenant_id: UUID) -> Load:
        known = self._loads.get(tenant_id)
        if known is None:
            known = self._loads[tenant_id] = Load()
        return known

    # Counting ----------------------------------------------------------------------------------------------

    def add(self, key: Key, more: Sum) -> None:
        """Count something that happens now."""
        count = self.count(key)
        count.add(more.messages, more.recipients)
        self.pending.setdefault((key, count.hour), Sum()).add(more)

    # Refreshing --------------------------------------------------------------------------------------------

    def take_pending(self) -> dict[tuple[Key, int], Sum]:
        """Return what is to be written, and forget it: `give_back` where that fails."""
        pending, self.pending = self.pending, {}
        return pending

    def give_back(self, pending: Mapping[tuple[Key, int], Sum]) -> None:
        for key, one in pending.items():
            self.pending.setdefault(key, Sum()).add(one)

    def to_refresh(self) -> list[Key]:
        """Return what to read anew now: what was asked for since the last time, and some of the rest in turn."""
        busy, self._busy = list(islice(self._busy, MAX_REFRESHED)), {}
        chosen = dict.fromkeys(busy)
        for key in islice(self._counts, IDLE_REFRESHED + len(busy)):
            if len(chosen) >= len(busy) + IDLE_REFRESHED:
                break
            chosen.setdefault(key)
        return list(chosen)

    def learn(self, counts: Mapping[Key, Count]) -> None:
        """Take over what was read. What happened here and is not written yet comes on top."""
        for key, count in counts.items():
            count.turn(hour_of(self.clock()))
            more = self.pending.get((key, count.hour))
            if more is not None:
                count.add(more.messages, more.recipients)
            # To the end of the line, so that the others get their turn.
            self._counts.pop(key, None)
            self._counts[key] = count
        while len(self._counts) > MAX_COUNTS:
            del self._counts[next(iter(self._counts))]

    def learn_loads(self, tallied_at: object, loads: Mapping[UUID, tuple[int, int]]) -> None:
        """Take over what tenants hold. After a new tally what came in here before it is in its numbers."""
        is_new = tallied_at != self.tallied_at
        self.tallied_at = tallied_at
        for tenant_id, (queued, stored) in loads.items():
            load = self.load(tenant_id)
            load.queued, load.stored = queued, stored
        if is_new:
            for load in self._loads.values():
                load.queued_since = load.stored_since = 0
        while len(self._loads) > MAX_COUNTS:
            del self._loads[next(iter(self._loads))]
