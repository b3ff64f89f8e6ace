"""Who has a mailbox here is not for strangers to find out: not by asking, not by the clock (reliability 2.8)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest

from tests.transport.smtpd.conftest import Server
from transport.models import ReceiveConnector
from transport.smtpd.throttle import Throttle

pytestmark = pytest.mark.django_db(transaction=True)

KNOWN, UNKNOWN = "alice@contoso.example", "nobody@contoso.example"
TRIES = 40


def test_vrfy_and_expn_tell_nothing(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        for known, unknown in (("bob", "nobody"), ("bob@contoso.example", "nobody@contoso.example")):
            assert client.say(f"VRFY {known}") == client.say(f"VRFY {unknown}")
        assert client.say("VRFY bob").startswith("252 2.1.5")
        assert client.say("EXPN staff") == client.say("EXPN nobody") == "502 5.5.1 Command not implemented"


def test_guessing_recipients_ends_the_connection_and_a_new_one_begins_slowly(
    server: Server, connectors: dict[str, ReceiveConnector]
) -> None:
    with server.connect() as client:
        client.ehlo()
        client.say("MAIL FROM:<>")
        client.send(b"".join(b"RCPT TO:<guess%d@contoso.example>\r\n" % number for number in range(1_000)))
        replies = [reply[:9] for reply in iter(client.hear, "")]
    assert replies[:-1] == ["550 5.1.1"] * len(replies[:-1])
    assert replies[-1].startswith("421 4.7.0")
    assert len(replies) <= 52


def medians(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Return the median seconds of each, measured in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TRIES):
        for act, kept in zip((one, other), times, strict=True):
            started = time.perf_counter()
            act()
            kept.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def assert_alike(one: Callable[[], object], other: Callable[[], object]) -> None:
    """Within 5 ms or a tenth; a busy machine gets three tries."""
    for _ in range(3):
        first, second = medians(one, other)
        if abs(first - second) < max(0.005, 0.1 * max(first, second)):
            return
    pytest.fail(f"{first * 1000:.1f} ms and {second * 1000:.1f} ms tell the one from the other")


@pytest.mark.slow
def test_a_log_in_takes_as_long_for_a_name_that_nobody_has(
    server: Server, connectors: dict[str, ReceiveConnector]
) -> None:
    ReceiveConnector.objects.filter(pk=connectors["submission"].pk).update(max_logon_failures=0)
    server.reload()
    with server.connect("submission") as client:
        client.start_tls()

        def log_in(name: str) -> None:
            # What wrong log-ins cost in the long run is another matter (2.9).
            server.daemon.service.authenticator.throttle = Throttle(time.monotonic)
            assert client.log_in(name, "wrong").startswith("535")

        assert_alike(lambda: log_in(KNOWN), lambda: log_in(UNKNOWN))


def test_rcpt_takes_as_long_for_a_name_that_nobody_has(server: Server) -> None:
    with server.connect() as first, server.connect() as second:
        for client in (first, second):
            client.ehlo()
            client.say("MAIL FROM:<>")
        assert_alike(lambda: first.say(f"RCPT TO:<{KNOWN}>"), lambda: second.say(f"RCPT TO:<{UNKNOWN}>"))
