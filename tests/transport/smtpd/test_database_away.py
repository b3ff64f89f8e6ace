"""Trouble with PostgreSQL: 451 within ten seconds, nothing lost, and service again by itself (G1, SQ1)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Message
from transport.queue.database import connect_flow, flow_conninfo
from transport.smtpd.link import Link
from transport.smtpd.statement import Statement

pytestmark = pytest.mark.django_db(transaction=True)

AWAY = "451 4.3.0 Temporary system problem, try again later"


class Outage:
    """Makes PostgreSQL unreachable for the daemon's links, and takes their connections away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_on = False
        connect = connect_flow

        async def maybe_connect(name: str) -> psycopg.AsyncConnection[Any]:
            if self.is_on:
                raise psycopg.OperationalError("connection refused: secret-host.internal")
            return await connect(name)

        monkeypatch.setattr("transport.smtpd.link.connect_flow", maybe_connect)

    def begin(self) -> None:
        self.is_on = True
        terminate()

    def end(self) -> None:
        self.is_on = False


def terminate(name: str = "postroom smtpd%") -> None:
    """End what this test's daemon has open: other test processes have databases of their own in the same cluster."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE %s",
            [name],
        )


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    made = Outage(monkeypatch)
    yield made
    made.end()


def test_a_connection_whose_end_is_announced_is_not_used_again(transactional_db: None) -> None:
    used: list[psycopg.AsyncConnection[Any]] = []

    async def work(connection: psycopg.AsyncConnection[Any]) -> int:
        used.append(connection)
        if connection is used[0]:
            raise psycopg.errors.AdminShutdown("terminating connection due to administrator command")
        return 1

    async def meet() -> int:
        link = Link("postroom smtpd test")
        try:
            return await link.run_again(work)
        finally:
            await link.close()

    assert asyncio.run(meet()) == 1


@pytest.mark.slow  # it lasts as long as a client is made to wait
def test_g1_a_message_is_answered_451_while_the_database_is_away_and_taken_when_it_is_back(
    outage: Outage, server: Server
) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        outage.begin()
        started = time.monotonic()
        assert client.data(CONTENT) == AWAY
        assert time.monotonic() - started < 10
        outage.end()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250 2.6.0")
    assert Message.objects.count() == 1


def test_look_ups_are_answered_451_too(outage: Outage, server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        outage.begin()
        client.say("MAIL FROM:<x@y.example>")
        assert client.say("RCPT TO:<bob@contoso.example>") == AWAY
        outage.end()
        server.wait_until(lambda: client.say("RCPT TO:<bob@contoso.example>").startswith("250"))


def test_a_connection_that_breaks_between_messages_costs_nothing(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        for number in range(3):
            client.envelope("x@y.example", "bob@contoso.example")
            assert client.data(CONTENT).startswith("250 2.6.0")
            assert Message.objects.count() == number + 1
            terminate()


def test_a_commit_whose_answer_was_lost_is_recognised_and_not_doubled(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    execute = Statement.execute
    lost: list[Statement] = []

    async def lose_the_first_answer(statement: Statement, values: Any, timeout: float) -> None:
        await execute(statement, values, timeout)
        if not lost:
            lost.append(statement)
            statement.close()
            raise psycopg.OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(Statement, "execute", lose_the_first_answer)
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250 2.6.0")
    assert len(lost) == Message.objects.count() == 1


@pytest.fixture
def nothing_bad(server: Server) -> Iterator[None]:
    """The database refuses messages with the subject "bad"."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE transport_message ADD CONSTRAINT nothing_bad CHECK (subject <> 'bad') NOT VALID")
        yield
        cursor.execute("ALTER TABLE transport_message DROP CONSTRAINT nothing_bad")


@pytest.fixture
def held() -> Iterator[psycopg.Connection[Any]]:
    """A connection that holds up whoever wants to store a message, until it commits."""
    with psycopg.connect(flow_conninfo("test")) as holder:
        holder.execute("LOCK TABLE transport_message IN ACCESS EXCLUSIVE MODE")
        yield holder


def test_one_bad_message_does_not_cost_the_others_their_commit(
    nothing_bad: None, held: psycopg.Connection[Any], server: Server
) -> None:
    clients = [server.connect() for _ in range(5)]
    for number, client in enumerate(clients):
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.say("DATA")
        client.send(b"Subject: %s\r\n\r\n.\r\n" % (b"bad" if number == 3 else b"good"))
    server.wait_until(lambda: len(server.daemon.service.writer) == 4)
    held.commit()
    replies = [client.hear()[:9] for client in clients]
    for client in clients:
        client.__exit__()
    assert replies == ["250 2.6.0", "250 2.6.0", "250 2.6.0", "451 4.3.0", "250 2.6.0"]
    assert Message.objects.count() == 4


def test_a_database_that_hangs_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, held: psycopg.Connection[Any], server: Server
) -> None:
    monkeypatch.setattr("transport.smtpd.writer.PATIENCE", 0.5)
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        started = time.monotonic()
        assert client.data(CONTENT) == AWAY
        assert time.monotonic() - started < 5
        # What was answered 451 does not come in later after all.
        server.wait_until(lambda: not waiting_backends())
        held.commit()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250")
    assert Message.objects.count() == 1


def waiting_backends() -> int:
    with psycopg.connect(flow_conninfo("test")) as own:
        row = own.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = 'active'",
            ["postroom smtpd writer"],
        ).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def test_a_fault_of_ours_is_transient_and_shows_nothing(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("transport.smtpd.acceptance.accept", fail)
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT) == AWAY
        assert client.say("NOOP").startswith("250")
