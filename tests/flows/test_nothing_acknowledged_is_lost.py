"""kill -9 of every part under load: what was acknowledged arrives, once (design §2.1; reliability PF1, PF2, G1-G3).

The platform is this module's own, since it is hurt here; each test leaves it well again.
"""

from __future__ import annotations

import os
import signal
import smtplib
import ssl
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from tests.flows.load import Load, SlowHop, letter, new_message_id
from tests.platform_process import PlatformProcess, eventually

# A test waits longer than others may take: what it waits for says more than that its time was up.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("platform-kill")]

ANN, BOB = "ann@contoso.example", "bob@contoso.example"
SERVICE_RETURNS = 30.0  # seconds, by G1
RETRIED = 120.0  # seconds, by CE3
SWEEP = 10.0
NOT_YET_RECORDED = 2.0  # seconds between a next hop's 250 and our commit, at the very most


@pytest.fixture(scope="module")
def hurt_platform() -> Iterator[PlatformProcess]:
    with PlatformProcess() as process:
        yield process


@pytest.fixture
def platform(hurt_platform: PlatformProcess) -> PlatformProcess:
    """Stand before the one that everybody shares."""
    eventually(hurt_platform.is_ready, timeout=SERVICE_RETURNS)
    return hurt_platform


# smtpd ----------------------------------------------------------------------------------------------------


def test_kills_of_smtpd_lose_and_double_nothing(platform: PlatformProcess) -> None:
    with Load(platform, ANN) as load:
        load.wait_for(50)
        for _ in range(3):
            kill(started_as(platform, "manage.py smtpd"))
            assert load.wait_for(50) < SERVICE_RETURNS
    assert load.broken, "nobody's connection was cut: the kills came at the wrong time"
    assert load.refusals == []
    assert_all_arrive(platform, load, ANN, within=SWEEP)


# The worker -----------------------------------------------------------------------------------------------


def test_kills_of_the_worker_lose_nothing_and_double_only_what_was_in_flight(platform: PlatformProcess) -> None:
    """PF1, PF2, CE3: first its children, then itself; each time a next hop is at work on what they send."""
    kills: list[float] = []
    with SlowHop(platform.guest, seconds=0.05) as hop, connector_to(platform, hop):
        wanted: list[str] = []
        for victims in (slice(1, None), slice(0, 1)):
            wave = submit(platform, 120)
            wanted += wave
            eventually(lambda wave=wave: hop.count(wave) >= 20)  # type: ignore[misc]
            kill(started_as(platform, "--queues deliver")[victims])
            kills.append(time.monotonic())
        eventually(lambda: hop.count(wanted) == len(wanted), timeout=RETRIED, every=0.5)
        settle(platform)
    assert max(hop.copies().values()) <= 1 + len(kills)
    for message_id in hop.doubled():
        first = min(at for known, at in hop.accepted if known == message_id)
        assert any(-NOT_YET_RECORDED < first - kill < 1.0 for kill in kills), "doubled without a kill"
    assert len(hop.doubled()) <= len(kills) * hop.most_at_once


# PostgreSQL -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", ["postmaster", "backend"])
def test_a_crash_of_postgresql_is_hardly_felt(platform: PlatformProcess, victim: str) -> None:
    starts = database_starts(platform)
    with Load(platform, BOB) as load:
        load.wait_for(50)
        kill(postmaster(platform) if victim == "postmaster" else backend(platform))
        eventually(lambda: database_starts(platform) > starts, timeout=SERVICE_RETURNS)
        assert load.wait_for(50) < SERVICE_RETURNS
        eventually(platform.is_ready, timeout=SERVICE_RETURNS)
    assert_only_put_off(load)
    assert_all_arrive(platform, load, BOB, within=RETRIED)


def test_while_postgresql_is_away_mail_is_put_off_and_taken_again_by_itself(platform: PlatformProcess) -> None:
    """G1: whoever would start it again stands still until the senders have been told to come later."""
    with Load(platform, BOB) as load:
        load.wait_for(50)
        with stopped(started_as(platform, "manage.py up")):
            kill(postmaster(platform))
            eventually(lambda: len(load.refusals) >= 8, timeout=SERVICE_RETURNS)
        assert load.wait_for(50) < SERVICE_RETURNS
        eventually(platform.is_ready, timeout=SERVICE_RETURNS)
    assert_only_put_off(load)
    assert_all_arrive(platform, load, BOB, within=RETRIED)


def assert_only_put_off(load: Load) -> None:
    assert [refusal for refusal in load.refusals if not 400 <= refusal.code < 500] == []


def database_starts(platform: PlatformProcess) -> int:
    return (platform.data_dir / "postgres" / "postgres.log").read_text().count("ready to accept connections")


def postmaster(platform: PlatformProcess) -> list[int]:
    return started_as(platform, "/postgres -D ")


def backend(platform: PlatformProcess) -> list[int]:
    statement = "SELECT pid FROM pg_stat_activity WHERE application_name = 'postroom smtpd writer'"
    return [pid for (pid,) in query(platform, statement)]


# The whole, and the broker --------------------------------------------------------------------------------


def test_a_stop_under_load_loses_nothing(platform: PlatformProcess) -> None:
    with Load(platform, ANN) as load:
        load.wait_for(50)
        platform.stop()  # fails where a process had to be killed, or is left
        assert load.broken
    platform.start()
    assert [refusal for refusal in load.refusals if refusal.code not in (421, 451)] == []
    assert_all_arrive(platform, load, ANN, within=SWEEP)


def test_the_broker_may_forget_everything(platform: PlatformProcess) -> None:
    """CE1: the hints are gone, and whoever could have seen the mail by chance stood still."""
    eventually(lambda: not query(platform, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'postroom drain'"))
    with ExitStack() as still:
        eventually(lambda: stands_still(platform, still))
        with Load(platform, BOB) as load:
            load.wait_for(300)
        assert letters(platform, BOB).keys().isdisjoint(load.acknowledged)
        for queue in ("deliver", "sweep"):
            query(platform, "SELECT pgmq.purge_queue(%s)", queue, role="postroom_broker")
    assert_all_arrive(platform, load, BOB, within=SWEEP + 5)


def stands_still(platform: PlatformProcess, still: ExitStack) -> bool:
    """Stop the workers between two of their looks into the broker: in the middle of one they would hold its locks."""
    with ExitStack() as attempt:
        attempt.enter_context(stopped(started_as(platform, "--queues")))
        locks = "SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE starts_with(c.relname, 'q_')"
        if query(platform, locks):
            return False
        still.enter_context(attempt.pop_all())
    return True


# What the tests share -------------------------------------------------------------------------------------


def query(
    platform: PlatformProcess, statement: str, *values: object, role: str = "postroom_flow"
) -> list[tuple[Any, ...]]:
    url = (platform.data_dir / "database-url").read_text().strip()
    with psycopg.connect(url, options=f"-c role={role}", autocommit=True) as connection:
        return connection.execute(statement, values).fetchall()


def letters(platform: PlatformProcess, address: str) -> Counter[str]:
    """Return how many letters there are in somebody's mailbox by Message-ID."""
    statement = """
        SELECT l.internet_message_id, count(*) FROM transport_mailboxmessage l
        JOIN tenants_emailaddress a ON a.mailbox_id = l.mailbox_id AND a.local_key = %s GROUP BY 1
    """
    return Counter(dict(query(platform, statement, address.partition("@")[0])))


def assert_all_arrive(platform: PlatformProcess, load: Load, address: str, *, within: float) -> None:
    def missing() -> int:
        return len(load.acknowledged.keys() - letters(platform, address).keys())

    eventually(lambda: missing() == 0, timeout=within, every=0.25)
    settle(platform)
    assert [message_id for message_id, count in letters(platform, address).items() if count > 1] == []


def settle(platform: PlatformProcess) -> None:
    """Wait until nothing is queued any more, so that whatever would come twice has come."""
    eventually(lambda: not query(platform, "SELECT 1 FROM transport_delivery LIMIT 1"), timeout=RETRIED, every=0.25)


def started_as(platform: PlatformProcess, words: str) -> list[int]:
    """Return the processes with these words in their command line, parents first."""
    return [pid for pid, line in platform.processes().items() if words in line]


def kill(pids: Collection[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@contextmanager
def stopped(pids: Collection[int]) -> Iterator[None]:
    """Let processes stand still for a while."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def connector_to(platform: PlatformProcess, hop: SlowHop) -> Iterator[None]:
    """Send everything for the world to one host."""
    api = platform.tenants_api()
    made = api.post(
        "send-connectors/",
        {
            "name": "Slow",
            "address_spaces": [{"type": "SMTP", "pattern": "*", "cost": 1}],
            "routing": "smart_hosts",
            "smart_hosts": [{"host": hop.host, "port": hop.port}],
        },
    )
    assert made.status == 201, made
    yield
    assert api.delete(f"send-connectors/{made.body['id']}/").status == 204


def submit(platform: PlatformProcess, count: int) -> list[str]:
    """Hand in so many messages to the outside as Ann; return the Message-IDs, each acknowledged."""
    message_ids = [new_message_id() for _ in range(count)]
    with smtplib.SMTP(platform.host, platform.submission_port, timeout=20) as client:
        client.starttls(context=ssl._create_unverified_context())  # noqa: S323 - a certificate made a minute ago
        client.login(ANN, platform.logins[ANN])
        for message_id in message_ids:
            client.sendmail(
                ANN, ["someone@fabrikam.example"], letter(message_id, "someone@fabrikam.example", sender=ANN)
            )
    return message_ids
