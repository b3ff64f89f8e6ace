"""Back pressure over a socket: mail is put off before harm is done, and taken again without a restart (PF3)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Heartbeat, Message, PressureChange
from transport.pressure import pressure as pressures
from transport.pressure.levels import Level, Resource
from transport.pressure.pressure import Pressure

pytestmark = pytest.mark.django_db(transaction=True)

BUSY = "452 4.3.1 Insufficient system resources"
DISK: dict[Resource, float] = {}


@pytest.fixture
def pressed(make_server: Callable[..., Server], alice: object) -> Server:
    """A daemon whose disk is as full as DISK says."""
    DISK.clear()
    DISK[Resource.DISK] = 10.0
    return make_server(pressure=Pressure(lambda: DISK))


def fill(server: Server, percent: float, level: Level) -> None:
    DISK[Resource.DISK] = percent
    server.wait_until(lambda: server.daemon.service.pressure.level is level)


def mail_of_a_stranger(client: Client) -> str:
    return client.say("MAIL FROM:<x@y.example>")


def test_pf3_a_full_disk_puts_everybody_off_at_mail_until_there_is_room(pressed: Server) -> None:
    with pressed.connect() as stranger, pressed.connect("submissions") as user:
        stranger.ehlo()
        user.ehlo()
        user.log_in("alice@contoso.example")
        fill(pressed, 99.5, Level.HIGH)
        assert mail_of_a_stranger(stranger) == BUSY
        assert user.say("MAIL FROM:<alice@contoso.example>") == BUSY
        with pressed.connect() as newcomer:
            assert newcomer.greeting.startswith("220")
        fill(pressed, 10, Level.NORMAL)
        assert stranger.envelope("x@y.example", "bob@contoso.example")[1].startswith("250")
        assert stranger.data(CONTENT).startswith("250 2.6.0")
    assert Message.objects.count() == 1


def test_a_message_under_way_is_taken_though_the_pressure_rises(pressed: Server) -> None:
    with pressed.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        fill(pressed, 99.5, Level.HIGH)
        assert client.data(CONTENT).startswith("250 2.6.0")


def test_medium_slows_strangers_and_then_puts_them_off_and_leaves_users_alone(
    pressed: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressures, "FIRST_DELAY", 0.3)
    with pressed.connect() as stranger, pressed.connect("submissions") as user:
        stranger.ehlo()
        user.ehlo()
        user.log_in("alice@contoso.example")
        fill(pressed, 97, Level.MEDIUM)
        started = time.monotonic()
        assert mail_of_a_stranger(stranger).startswith("250")
        assert time.monotonic() - started >= 0.3
        monkeypatch.setattr(pressures, "DEFER_AFTER", 0.0)
        stranger.say("RSET")
        assert mail_of_a_stranger(stranger) == BUSY
        assert user.say("MAIL FROM:<alice@contoso.example>").startswith("250")


def test_the_level_its_cause_and_its_history_are_written_down(pressed: Server) -> None:
    fill(pressed, 99.5, Level.HIGH)
    pressed.wait_until(lambda: Heartbeat.objects.filter(kind="smtpd", detail__level="high").exists())
    fill(pressed, 10, Level.NORMAL)
    pressed.wait_until(lambda: PressureChange.objects.count() == 2)
    rows = PressureChange.objects.order_by("id").values_list("resource", "before", "level", "reading")
    assert [*rows] == [("disk_used", 0, 2, 99.5), ("disk_used", 2, 0, 10.0)]


def test_a_heart_beat_carries_what_the_daemon_has_done(pressed: Server) -> None:
    with pressed.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example", "nobody@contoso.example")
        client.data(CONTENT)
        pressed.wait_until(lambda: Heartbeat.objects.filter(detail__accepted=1).exists())
    detail = Heartbeat.objects.get(kind="smtpd").detail
    assert detail["refused"] == {"550 5.1.1": 1} or list(detail["refused"].values()) == [1]
    assert sum(detail["buckets"]) == detail["accepted"] == 1
    assert detail["connections"] == 1
