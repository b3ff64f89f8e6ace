"""How many connections a destination gets: more while it takes them well, fewer when it says or shows that it is hurt.

Additive increase, multiplicative decrease, as TCP has it (RFC 5681). What was learnt is kept in a table of the
platform's, so that it holds over turns and workers; it is written when it changes, which is seldom. The places
themselves are advisory locks (slots.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from psycopg import AsyncConnection

from transport.delivery.failure import HopFailure
from transport.delivery.outcome import Outcome, Phase
from transport.queue.outcomes import Verdict
from transport.queue.patience import is_trouble
from transport.queue.slots import PER_HOST, first_of, first_of_connector, give_back, take_free

INITIAL: Final = 10  # of a destination that nothing is known about
SILENT_FLOOR: Final = 4  # one that says nothing at all is not relieved by fewer, and all that waits has to hear of it
FLOOR: Final = 1
PAUSE: Final = 0.5  # seconds until a queue is picked again that found no place, for each round of those before it
LONGEST_PAUSE: Final = 10.0
LATELY: Final = 5.0  # seconds

# What is held by this very session would be given again, so it is left out; CASE keeps PostgreSQL from asking for the
# lock first.
_TAKE: Final = """
WITH allowed AS (
  SELECT least(%(most)s::int, coalesce(
    (SELECT connections FROM transport_destination WHERE endpoint = %(endpoint)s), %(initial)s::int)) AS n
)
SELECT k, (SELECT n FROM allowed)
FROM generate_series(%(first)s::bigint, %(first)s::bigint + (SELECT n FROM allowed) - 1) AS k
WHERE CASE WHEN k = ANY(%(held)s::bigint[]) THEN false ELSE pg_try_advisory_lock(k) END LIMIT 1
"""
_GROW: Final = """
INSERT INTO transport_destination AS d (endpoint, host, connections, reason, changed_at)
VALUES (%(endpoint)s, %(host)s, least(%(allowed)s + 1, %(most)s), '', now())
ON CONFLICT (endpoint) DO UPDATE SET connections = d.connections + 1, host = excluded.host, changed_at = now()
WHERE d.connections < %(most)s
"""
# Connections that began before the last decrease met the same trouble: they say nothing new.
_SHRINK: Final = """
INSERT INTO transport_destination AS d (endpoint, host, connections, reason, changed_at, reduced_at)
VALUES (%(endpoint)s, %(host)s, greatest(%(floor)s, %(allowed)s / 2), %(reason)s, now(), now())
ON CONFLICT (endpoint) DO UPDATE SET connections = greatest(%(floor)s, d.connections / 2), host = excluded.host,
  reason = excluded.reason, changed_at = now(), reduced_at = now()
WHERE d.connections > %(floor)s AND (d.reduced_at IS NULL OR d.reduced_at < now() - %(age)s)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One of the connections that the platform may have to an endpoint; they are numbered from 1."""

    key: int
    endpoint: str
    number: int
    allowed: int
    since: float  # by the monotonic clock
    own: int | None = None  # the key of its connector's place, where that has fewer

    @property
    def age(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self.since)


class HostPlaces:
    """The platform's connections to hosts, as one drain takes them on one session of the database."""

    def __init__(self, connection: AsyncConnection[Any], most: int = PER_HOST) -> None:
        self._connection = connection
        self._most = most
        self._held: dict[int, tuple[str, asyncio.Event | None]] = {}
        self._crowded: dict[str, float] = {}  # when somebody found no place there, by the monotonic clock
        self._refused: Counter[str] = Counter()  # since the last place there, by endpoint
        self._one_by_one = asyncio.Lock()

    async def take(
        self, endpoint: str, wanted: asyncio.Event | None = None, *, connector: str = "", limit: int = PER_HOST
    ) -> Place | None:
        """Take a place at an endpoint, `address:port`; None where all are taken that it is allowed now.

        A connector may have a `limit` of its own, so that two places are taken. `wanted` is set when somebody else
        finds none: who stands idle should give its own back then.
        """
        # Between a lock and our knowing of it nobody else may ask.
        async with self._one_by_one:
            own = None
            if limit < self._most:
                own = await take_free(self._connection, first_of_connector(connector, endpoint), limit, self._held)
                if own is None:
                    self._refuse(endpoint)
                    return None
                self._held[own] = ("", None)
            found = await self._take_at(endpoint)
            if found is None:
                await self._release(own)
                self._refuse(endpoint)
                return None
            key, allowed = found
            self._held[key] = (endpoint, wanted)
        self._refused[endpoint] //= 2
        return Place(key, endpoint, key - first_of(endpoint) + 1, allowed, time.monotonic(), own)

    async def _take_at(self, endpoint: str) -> tuple[int, int] | None:
        """Return a place's key, and how many there are now."""
        facts = {"endpoint": endpoint, "first": first_of(endpoint), "most": self._most, "initial": INITIAL}
        cursor = await self._connection.execute(_TAKE, facts | {"held": list(self._held)})
        return await cursor.fetchone()

    async def give_back(self, place: Place) -> None:
        await self._release(place.own)
        await self._release(place.key)

    async def _release(self, key: int | None) -> None:
        if key is None:
            return
        try:
            await give_back(self._connection, key)
        finally:
            self._held.pop(key, None)

    def _refuse(self, endpoint: str) -> None:
        """Note that somebody found no place, and tell those who have one."""
        self._refused[endpoint] += 1
        self._crowded[endpoint] = time.monotonic()
        for where, wanted in self._held.values():
            if where == endpoint and wanted is not None:
                wanted.set()

    def pause(self, endpoint: str) -> timedelta:
        """Return how long who found no place stays away: the longer, the more others did before it."""
        rounds = 1 + self._refused[endpoint] // self._most
        return timedelta(seconds=min(PAUSE * rounds, LONGEST_PAUSE))

    def is_crowded(self, endpoint: str) -> bool:
        """Tell whether somebody found no place lately, so that no connection should stand idle."""
        return time.monotonic() - self._crowded.get(endpoint, float("-inf")) < LATELY

    async def grow(self, place: Place, host: str) -> bool:
        """One more connection for who took well what it was given, where all were in use. Return whether it is so."""
        if place.number < place.allowed or place.allowed >= self._most:
            return False
        facts = {"endpoint": place.endpoint, "host": host, "allowed": place.allowed, "most": self._most}
        return (await self._connection.execute(_GROW, facts)).rowcount > 0

    async def shrink(self, place: Place, host: str, reason: str, floor: int = FLOOR) -> bool:
        """Halve the connections of who is hurt by them, once for all that were open. Return whether it is so."""
        facts = {"endpoint": place.endpoint, "host": host, "allowed": place.allowed, "reason": reason}
        more = {"floor": floor, "age": place.age}
        return (await self._connection.execute(_SHRINK, facts | more)).rowcount > 0


# Replies that speak of too much at a time, or of no strength left.
_HURT: Final = frozenset({"peer.rate_limited", "peer.timeout", "peer.dropped"})
_ALL_AT_CONNECT: Final = frozenset({Phase.CONNECT.value, Phase.GREETING.value})
_OTHERWISE: Final = frozenset({"peer.tls", "peer.tls_required", "peer.tls_unavailable", "peer.auth"})


def hurt_by(failure: HopFailure) -> bool:
    """Tell whether nobody's getting through means that fewer should try: time-outs, 421, 4xx when connecting."""
    primary = failure.primary
    if primary is None or failure.permanent or primary.reason_code.startswith("hop."):
        return False
    return primary.reply.is_transient and _speaks_of_load(
        primary.phase.value, primary.reply.code, primary.reason_code, primary.from_peer
    )


def _speaks_of_load(phase: str, code: int, reason: str, from_peer: bool) -> bool:
    if reason in _OTHERWISE:
        return False
    return reason in _HURT or phase in _ALL_AT_CONNECT or (code == 421 and from_peer)


def floor_of(failure: HopFailure) -> int:
    return FLOOR if failure.peer_reply is not None else SILENT_FLOOR


def is_hurt(verdict: Verdict) -> bool:
    """Tell whether what a peer said of one message, or did not say, means that fewer should talk to it at a time."""
    if verdict.status is not Outcome.TRANSIENT or verdict.peer_reply is None or not is_trouble(verdict):
        return False
    return verdict.reason in _HURT or verdict.peer_reply.code == 421
