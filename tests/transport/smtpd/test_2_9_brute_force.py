"""Guessing passwords gets slower and then hopeless, and shuts nobody else out (reliability 2.9)."""

from __future__ import annotations

import time

import pytest

from tests.transport.smtpd.conftest import Client, Server
from transport.smtpd.throttle import LOCK_PAIR

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ALICE = "alice@contoso.example"


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that a test can afford."""
    monkeypatch.setattr("transport.smtpd.throttle.LONGEST", 0.2)
    monkeypatch.setattr("transport.smtpd.throttle.LONGEST_FOR_ACCOUNT", 0.2)
    monkeypatch.setattr("transport.smtpd.throttle.MANY_FOR_ACCOUNT", 30)


def attempt(server: Server, name: str, password: str, source: str = "127.0.0.1") -> tuple[str, float]:
    """Log in over a connection of its own; return the answer and the seconds that it took."""
    with Client(server.ports["submissions"], tls=True, source=source) as client:
        client.ehlo()
        started = time.monotonic()
        return client.log_in(name, password)[:9], time.monotonic() - started


def test_30_wrong_passwords_on_one_connection_are_three(server: Server) -> None:
    with Client(server.ports["submissions"], tls=True) as client:
        client.ehlo()
        replies = [client.log_in(ALICE, "wrong")[:9] for _ in range(3)]
        assert replies == ["535 5.7.8", "535 5.7.8", "421 4.7.0"]
        assert client.hear() == ""


def test_over_many_connections_the_wait_grows_and_then_the_pair_is_locked_and_no_other(server: Server) -> None:
    waits = []
    for number in range(LOCK_PAIR):
        reply, seconds = attempt(server, ALICE, f"wrong{number}")
        assert reply == "535 5.7.8"
        waits.append(seconds)
    assert min(waits[:3]) < 0.2 <= min(waits[5:])
    # The right password is no use from there any more, and looks as wrong as all others.
    assert attempt(server, ALICE, "correct horse battery")[0] == "535 5.7.8"
    reply, seconds = attempt(server, ALICE, "correct horse battery", source="127.0.0.2")
    assert (reply, seconds < 0.2) == ("235 2.7.0", True)


def test_one_password_for_many_names_is_slowed_by_its_source(server: Server) -> None:
    waits = [attempt(server, f"user{number}@contoso.example", "Summer2026!")[1] for number in range(40)]
    assert min(waits[:10]) < 0.2 <= min(waits[-5:])


def test_many_addresses_that_guess_at_one_account_do_not_shut_its_owner_out(server: Server) -> None:
    for number in range(1, 41):
        assert attempt(server, ALICE, "Summer2026!", source=f"127.0.1.{number}")[0] == "535 5.7.8"
    assert attempt(server, ALICE, "correct horse battery", source="127.0.2.1")[0] == "235 2.7.0"
    # Yet who guesses from many addresses is slowed by the account.
    assert attempt(server, ALICE, "Summer2026!", source="127.0.1.41")[1] >= 0.2
