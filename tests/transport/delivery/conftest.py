"""Options that let tests reach loopback, with time limits short enough to wait for."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest

from transport.delivery import chunking
from transport.delivery.options import HopOptions, Timeouts
from transport.delivery.outcome import OutgoingMessage, OutgoingRecipient

QUICK = Timeouts(
    opening=3,
    connect=1,
    greeting=0.3,
    helo=0.3,
    tls=0.5,
    auth=0.3,
    envelope=0.3,
    block=0.5,
    recipient=0,
    final=0.3,
    quit=0.3,
)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture(autouse=True)
def trusting() -> None:
    """Peers that failed an earlier test's chunks listen on other ports by now, or on the same ones."""
    chunking.forget()


@pytest.fixture
def options() -> HopOptions:
    return HopOptions("client.example", timeouts=QUICK, allowed_networks=LOOPBACK)


@pytest.fixture
def message() -> OutgoingMessage:
    return outgoing("bob@fabrikam.example")


def outgoing(
    *recipients: str, sender: str = "ann@contoso.example", content: bytes = b"Subject: x\r\n\r\nHi\r\n"
) -> OutgoingMessage:
    return OutgoingMessage("m1", sender, tuple(OutgoingRecipient(text, text) for text in recipients), content)


Outgoing = Callable[..., OutgoingMessage]
