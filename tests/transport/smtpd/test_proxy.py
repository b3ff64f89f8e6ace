"""The PROXY protocol: whom a listed proxy speaks for counts as the client, through TLS and to the end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_address
from typing import Any

import pytest

from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Message, ReceiveConnector
from transport.smtpd.proxy import MAX_V1, SIGNATURE, BadProxyHeader, read_proxy_header

pytestmark = pytest.mark.django_db(transaction=True)


def version_2(address: str, *, command: int = 0x21, extra: bytes = b"") -> bytes:
    client = ip_address(address)
    ports = (56324).to_bytes(2, "big") + (25).to_bytes(2, "big")
    body = client.packed + ip_address("192.0.2.1" if client.version == 4 else "2001:db8::1").packed + ports + extra
    return SIGNATURE + bytes([command, 0x11 if client.version == 4 else 0x21]) + len(body).to_bytes(2, "big") + body


@pytest.fixture
def proxied(alice: Contoso, settings: Any, make_server: Callable[..., Server]) -> Server:
    settings.POSTROOM_PROXY_NETWORKS = ["127.0.0.1/32"]
    return make_server()


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 25\r\n", "203.0.113.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (version_2("203.0.113.7"), "203.0.113.7"),
        (version_2("2001:db8::7", extra=b"\x01\x00\x02h2"), "2001:db8::7"),
        (version_2("203.0.113.7", command=0x20), "127.0.0.1"),
        (version_2("::ffff:203.0.113.7"), "203.0.113.7"),
    ],
)
def test_the_client_of_the_header_is_the_client_of_the_message(proxied: Server, header: bytes, address: str) -> None:
    with Client(proxied.ports["smtp"], first=header) as client:
        client.start_tls()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250")
    assert Message.objects.get().client_address == address


def test_the_header_may_come_in_pieces_and_before_tls_from_the_first_byte(proxied: Server) -> None:
    header = version_2("203.0.113.7")
    with Client(proxied.ports["submissions"], first=header, tls=True) as client:
        client.ehlo()
        assert client.log_in("alice@contoso.example").startswith("235")
    with closing(socket.create_connection(("127.0.0.1", proxied.ports["smtp"]), timeout=15)) as slow:
        for octet in header:
            slow.sendall(bytes([octet]))
        assert slow.recv(4) == b"220 "


@pytest.mark.parametrize(
    "header",
    [
        *(b"EHLO client.example\r\n", b"PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\n", b"PROXY TCP4 x y 1 2\r\n"),
        *(
            b"PROXY TCP6 203.0.113.7 192.0.2.1 56324 25\r\n",
            b"PROXY " + b"x" * 200,
            b"PROXY \r\n",
            SIGNATURE + b"\x31" * 20,
        ),
        *(SIGNATURE + b"\x21\x11\xff\xff", SIGNATURE + b"\x21\x11\x00\x04abcd", b"\x16\x03\x01\x02\x00"),
    ],
)
def test_who_is_listed_and_sends_no_header_is_not_served(proxied: Server, header: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", proxied.ports["smtp"]), timeout=15)) as client:
        client.sendall(header)
        assert client.recv(100) == b""


def test_from_others_a_header_is_a_command_like_any_other(server: Server) -> None:
    with server.connect() as client:
        assert client.say("PROXY TCP4 203.0.113.7 192.0.2.1 56324 25").startswith("500 5.5.1")
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.data(CONTENT)
    assert Message.objects.get().client_address == "127.0.0.1"


def test_limits_and_ranges_are_those_of_the_client_behind_the_proxy(
    proxied: Server, connectors: dict[str, ReceiveConnector]
) -> None:
    ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(max_inbound_connections_per_source=1)
    factories.make_receive_connector(name="Narrow", remote_ranges=["198.51.100.0/24"], banner="220 narrow")
    proxied.reload()
    port = proxied.ports["smtp"]
    with Client(port, first=version_2("203.0.113.7")) as first, Client(port, first=version_2("203.0.113.8")) as second:
        assert first.greeting.startswith("220")
        assert second.greeting.startswith("220")
        with Client(port, first=version_2("203.0.113.7")) as third:
            assert third.greeting.startswith("421 4.7.0")
        with Client(port, first=version_2("198.51.100.9")) as narrow:
            assert narrow.greeting == "220 narrow"


def test_an_ipv6_customer_is_one_source_whatever_address_it_takes(
    proxied: Server, connectors: dict[str, ReceiveConnector]
) -> None:
    ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(max_inbound_connections_per_source=2)
    proxied.reload()
    port = proxied.ports["smtp"]
    with Client(port, first=version_2("2001:db8::1")), Client(port, first=version_2("2001:db8::ffff:2")):
        with Client(port, first=version_2("2001:db8::3")) as third:
            assert third.greeting.startswith("421 4.7.0")
        with Client(port, first=version_2("2001:db8:0:1::1")) as neighbour:
            assert neighbour.greeting.startswith("220")


def test_half_a_header_is_waited_for_and_a_long_one_is_not() -> None:
    whole = b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 25\r\n"
    assert all(read_proxy_header(whole[:size]) is None for size in range(len(whole)))
    assert read_proxy_header(bytearray(whole + b"EHLO x\r\n")) == (len(whole), "203.0.113.7")
    with pytest.raises(BadProxyHeader):
        read_proxy_header(b"PROXY " + b"x" * (MAX_V1 - 6))
