from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from postroom.embedded.errors import StartError
from postroom.embedded.listeners import Endpoint, bind, check_free
from transport.smtpd.inherited import VARIABLE


def endpoint(port: int, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint("relay", host, port, "POSTROOM_SMTP_PORT")


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_port_in_use_names_the_variable_to_change() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(StartError, match=r"127\.0\.0\.1:\d+ is in use .*POSTROOM_SMTP_PORT"),
    ):
        check_free(endpoint(server.getsockname()[1]), patience=0)


def test_a_second_copy_is_noticed_although_both_would_share_the_port(free_port: int) -> None:
    (sockets,) = bind([endpoint(free_port)], processes=1)
    with pytest.raises(StartError, match="in use"):
        bind([endpoint(free_port)], processes=1, patience=0)
    sockets.close()


def test_an_address_of_another_machine_names_the_variable() -> None:
    with pytest.raises(StartError, match="POSTROOM_BIND"):
        check_free(endpoint(2525, "192.0.2.1"), patience=0)


def test_an_ipv6_endpoint_stands_in_brackets() -> None:
    assert str(endpoint(2525, "::1")) == "[::1]:2525"


def test_a_process_inherits_its_sockets_and_a_connection_waits_for_it(free_port: int) -> None:
    (sockets,) = bind([endpoint(free_port)], processes=1)
    program = (
        "from transport.smtpd.inherited import inherited_listeners\n"
        "listening = inherited_listeners()[0].open(); listening.setblocking(True)\n"
        "listening.accept()[0].sendall(b'220 here')"
    )
    with socket.create_connection(("127.0.0.1", free_port), timeout=10) as client:
        environment = {VARIABLE: sockets.description, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", program], pass_fds=sockets.descriptors, env=environment, check=True)
        assert client.recv(100) == b"220 here"
    sockets.close()


def test_connections_are_spread_over_the_processes(free_port: int) -> None:
    first, second = bind([endpoint(free_port)], processes=2)
    clients = [socket.create_connection(("127.0.0.1", free_port)) for _ in range(40)]
    assert all(_waiting(group.sockets[0]) for group in (first, second))
    for client in clients:
        client.close()
    first.close()
    second.close()


def _waiting(listening: socket.socket) -> int:
    listening.setblocking(False)
    accepted = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return accepted
        accepted += 1
