"""Stopping: transactions finish, the others are told 421, and the daemon ends in time (G3)."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_transaction_finishes_and_who_is_idle_is_told(server: Server) -> None:
    with server.connect() as idle, server.connect() as busy:
        idle.ehlo()
        busy.ehlo()
        busy.envelope("x@y.example", "bob@contoso.example")
        busy.say("DATA")
        stopping = asyncio.run_coroutine_threadsafe(server.daemon.stop(10), server._loop)
        assert idle.hear().startswith("421 4.3.2")
        assert idle.hear() == ""
        busy.send(CONTENT + b".\r\n")
        assert busy.hear().startswith("250 2.6.0")
        assert busy.hear().startswith("421 4.3.2")
        stopping.result(10)
    assert Message.objects.count() == 1


def test_who_does_not_come_to_an_end_is_cut(server: Server) -> None:
    with server.connect() as slow:
        slow.ehlo()
        slow.envelope("x@y.example", "bob@contoso.example")
        slow.say("DATA")
        started = time.monotonic()
        server.call(server.daemon.stop(0.3))
        assert time.monotonic() - started < 5
        assert slow.hear().startswith("421 4.3.2")


def test_a_stopped_daemon_listens_no_more(server: Server) -> None:
    server.call(server.daemon.stop(0.1))
    with pytest.raises(ConnectionRefusedError):
        server.connect()
