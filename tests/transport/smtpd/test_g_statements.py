"""The general statements G2 to G4 of the reference, as the daemon keeps them; G1 is in test_database_away.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from typing_extensions import override

from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Server
from tests.transport.smtpd.process import DaemonProcess
from transport.models import Delivery, Message, ReceiveConnector

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def without_broker(alice: Contoso, connectors: dict[str, ReceiveConnector], tmp_path: Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path, CELERY_BROKER_URL="amqp://guest@127.0.0.1:9//") as running:
        yield running


@pytest.mark.slow
def test_g2_without_a_broker_mail_is_accepted_as_ever(without_broker: DaemonProcess) -> None:
    with without_broker.connect() as client:
        client.ehlo()
        for _ in range(20):
            client.envelope("x@y.example", "bob@contoso.example")
            started = time.monotonic()
            assert client.data(CONTENT).startswith("250 2.6.0")
            assert time.monotonic() - started < 5
    assert Message.objects.count() == 20


@pytest.mark.slow
def test_g3_after_sigterm_a_transaction_finishes_and_the_daemon_ends(without_broker: DaemonProcess) -> None:
    with without_broker.connect() as client, without_broker.connect() as idle:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.say("DATA")
        without_broker.ask_to_stop()
        assert idle.hear().startswith("421 4.3.2")
        with pytest.raises(OSError, match="refused"):
            without_broker.connect()
        client.send(CONTENT + b".\r\n")
        assert client.hear().startswith("250 2.6.0")
        assert client.hear().startswith("421 4.3.2")
    started = time.monotonic()
    assert without_broker.stop() == 0
    assert time.monotonic() - started < 30
    assert Message.objects.count() == 1


@pytest.mark.parametrize("step", [timedelta(days=1), -timedelta(days=1)])
def test_g4_a_step_of_the_clock_ends_no_session_and_shortens_no_life(
    server: Server, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    class Stepped(datetime):
        @classmethod
        @override
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + step

    nanoseconds = int(step.total_seconds() * 1e9)
    real = time.time_ns
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250 2.6.0")
        before = Delivery.objects.get()
        monkeypatch.setattr("transport.smtpd.acceptance.datetime", Stepped)
        monkeypatch.setattr(time, "time_ns", lambda: real() + nanoseconds)
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250 2.6.0")
        monkeypatch.undo()
        assert client.say("NOOP") == "250 2.0.0 OK"
    after = Delivery.objects.exclude(pk=before.pk).get()
    assert after.expires_at - after.created_at == before.expires_at - before.created_at
    assert abs(after.created_at - datetime.now(UTC) - step) < timedelta(minutes=1)
