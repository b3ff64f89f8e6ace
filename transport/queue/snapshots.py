"""Routing against PostgreSQL: the pure function is asked, what it needs is loaded, and it is asked again.

`route_now` serves the web process too. There the transaction may be a tenant's, which sees one tenant only, while a
route crosses from one to another; so the look-ups run under `mail_flow`, which lifts that for the statements of this
module and hands the caller's scope back. The caller has checked the tenant that it names in the envelope's client;
what comes back of other tenants is the bare decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import psycopg
from django.db import connection as django_connection

from tenants.scope import mail_flow
from transport.queue.configuration import Configuration, Query, queries_for
from transport.routing.envelope import Envelope
from transport.routing.result import Routing
from transport.routing.route import route
from transport.routing.snapshot import MAX_ROUNDS, Need, Snapshot

T = TypeVar("T")
Decide = Callable[[Snapshot], T | Need]
# What was loaded may be dropped again by a change of configuration in between: that costs a round, not the answer.
_ROUNDS: Final = 2 * MAX_ROUNDS


class Undecided(RuntimeError):
    """The configuration changed faster than a route could be found."""


async def adecide(connection: psycopg.AsyncConnection[Any], configuration: Configuration, decide: Decide[T]) -> T:
    """Return the decision, loading what it needs; touches no database where the cache knows everything."""
    for _ in range(_ROUNDS):
        result = decide(configuration.snapshot)
        if not isinstance(result, Need):
            return result
        configuration.make_room()
        for query in queries_for(result):
            await _load(connection, configuration, query)
    raise Undecided


async def _load(connection: psycopg.AsyncConnection[Any], configuration: Configuration, query: Query) -> None:
    generation = configuration.generation
    async with connection.cursor() as cursor:
        await cursor.execute(query.sql, query.parameters, prepare=True)
        rows = await cursor.fetchall()
    # What was read before the configuration changed may be stale: leave it, the next round reads again.
    if configuration.generation == generation:
        query.keep(configuration, rows)


async def aroute(connection: psycopg.AsyncConnection[Any], configuration: Configuration, envelope: Envelope) -> Routing:
    return await adecide(connection, configuration, lambda snapshot: route(envelope, snapshot))


def decide_now(decide: Decide[T], configuration: Configuration | None = None) -> T:
    """Return the decision by Django's connection, with a configuration read afresh unless one is given."""
    known = configuration or Configuration()
    result = decide(known.snapshot)
    if not isinstance(result, Need):
        return result  # stepping into the mail flow costs statements of its own: not for what is known already
    with mail_flow():
        django_connection.ensure_connection()
        for _ in range(_ROUNDS):
            known.make_room()
            for query in queries_for(result):
                _load_now(known, query)
            result = decide(known.snapshot)
            if not isinstance(result, Need):
                return result
    raise Undecided


def _load_now(configuration: Configuration, query: Query) -> None:
    # psycopg's own cursor: Django's binds on the client side, and knows no arrays of UUIDs.
    with psycopg.Cursor(django_connection.connection) as cursor:
        cursor.execute(query.sql, query.parameters)
        query.keep(configuration, cursor.fetchall())


def route_now(envelope: Envelope, configuration: Configuration | None = None) -> Routing:
    return decide_now(lambda snapshot: route(envelope, snapshot), configuration)
