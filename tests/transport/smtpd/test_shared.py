"""Limits of a source hold over all smtpd processes of a machine, whichever of them its connections meet."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tests.transport.smtpd.conftest import NAMES, Client, free_port
from tests.transport.smtpd.process import DaemonProcess
from transport.models import ReceiveConnector
from transport.routing.envelope import Client as Stranger
from transport.routing.envelope import Origin
from transport.smtpd.rates import Rates
from transport.smtpd.shared import WIDTH, Shared

KEY, OTHER = (uuid4(), "192.0.2.1"), (uuid4(), "192.0.2.2")


def test_each_sees_what_the_others_have_and_not_its_own(tmp_path: Path) -> None:
    one, two, three = (Shared(tmp_path, 3, lambda: 0.0) for _ in range(3))
    for shared in (one, one, two):
        shared.enter(KEY)
    assert [shared.connections_elsewhere(KEY) for shared in (one, two, three)] == [1, 2, 3]
    one.leave(KEY)
    assert three.connections_elsewhere(KEY) == 2
    assert three.connections_elsewhere(OTHER) == 0
    for shared in (one, two, three):
        shared.close()


def test_who_is_gone_is_counted_no_more_and_its_place_is_taken(tmp_path: Path) -> None:
    one, two = (Shared(tmp_path, 2, lambda: 0.0) for _ in range(2))
    two.enter(KEY)
    late = Shared(tmp_path, 2, lambda: 0.0)
    late.enter(KEY)  # all places are taken: for now it counts for itself
    assert one.connections_elsewhere(KEY) == 1
    for lock in two._locks:  # as when the process is killed
        os.close(lock)
    late.tend()
    assert one.connections_elsewhere(KEY) == 0
    late.enter(KEY)
    assert one.connections_elsewhere(KEY) == 1
    for shared in (one, late):
        shared.close()


def test_messages_are_those_of_this_minute(tmp_path: Path) -> None:
    now = 0.0
    one, two = (Shared(tmp_path, 2, lambda: now) for _ in range(2))
    stranger = Stranger(Origin.ANONYMOUS, None, None, "Default", "192.0.2.1", frozenset())
    connector: Any = SimpleNamespace(id=uuid4(), message_rate_limit=3, message_rate_source="ip_address")
    first, second = Rates(lambda: now, one), Rates(lambda: now, two)
    assert [first.allows(connector, stranger) for _ in range(2)] == [True, True]
    assert [second.allows(connector, stranger) for _ in range(2)] == [True, False]
    assert not first.allows(connector, stranger)
    now = 60.0
    assert [second.allows(connector, stranger) for _ in range(4)] == [True, True, True, False]
    assert not first.allows(connector, stranger)
    for shared in (one, two):
        shared.close()


def test_many_sources_seldom_count_for_each_other(tmp_path: Path) -> None:
    one, two = (Shared(tmp_path, 2, lambda: 0.0) for _ in range(2))
    for number in range(1_000):
        one.enter((KEY[0], f"10.0.{number >> 8}.{number & 255}"))
    strangers = [(OTHER[0], f"10.1.{number >> 8}.{number & 255}") for number in range(1_000)]
    assert sum(two.connections_elsewhere(one) > 0 for one in strangers) < 20
    assert WIDTH > 1_000
    for shared in (one, two):
        shared.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_daemons_on_one_port_give_a_source_what_one_would(
    tmp_path: Path, connectors: dict[str, ReceiveConnector]
) -> None:
    ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(max_inbound_connections_per_source=4)
    ports = {f"POSTROOM_{name.upper()}_PORT": str(free_port()) for name in NAMES}
    both = ports | {"POSTROOM_SMTPD_PROCESSES": "2", "POSTROOM_DATA_DIR": str(tmp_path / "data")}
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    with ExitStack() as stack:
        for number in ("1", "2"):
            daemon = DaemonProcess(tmp_path / number, **both)
            daemon.ports = {name: int(ports[f"POSTROOM_{name.upper()}_PORT"]) for name in NAMES}
            stack.enter_context(daemon)
        clients = [stack.enter_context(Client(daemon.ports["smtp"])) for _ in range(16)]
        assert sorted(client.greeting[:3] for client in clients) == ["220"] * 4 + ["421"] * 12
