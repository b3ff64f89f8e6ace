from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from transport.routing.envelope import Client, Origin
from transport.smtpd.rates import MAX_REMEMBERED, Rates


def client(address: str) -> Client:
    return Client(Origin.ANONYMOUS, None, None, "Default", address, frozenset())


def test_a_minute_later_there_is_room_again_and_a_network_is_one_source() -> None:
    now = 0.0
    rates = Rates(lambda: now)
    connector: Any = SimpleNamespace(id=uuid4(), message_rate_limit=2, message_rate_source="ip_address")
    assert [rates.allows(connector, client(f"2001:db8::{number}")) for number in range(3)] == [True, True, False]
    assert rates.allows(connector, client("2001:db8:0:1::1"))
    now = 60.0
    assert rates.allows(connector, client("2001:db8::1"))


def test_many_sources_are_not_remembered_without_end() -> None:
    rates = Rates(lambda: 0.0)
    connector: Any = SimpleNamespace(id=uuid4(), message_rate_limit=1, message_rate_source="ip_address")
    for number in range(MAX_REMEMBERED + 100):
        rates.allows(connector, client(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
    assert len(rates._windows) == MAX_REMEMBERED
