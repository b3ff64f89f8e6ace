from __future__ import annotations

import socket

import pytest

from transport.smtpd.inherited import InheritedListener, describe, inherited_listeners

RELAY = InheritedListener("relay", "127.0.0.1", 2525, 5)
SUBMISSION = InheritedListener("submission", "::1", 2587, 6)


def test_what_is_written_is_read() -> None:
    text = describe([RELAY, SUBMISSION])
    assert text == "relay=127.0.0.1:2525=5,submission=[::1]:2587=6"
    assert inherited_listeners(text) == [RELAY, SUBMISSION]


def test_without_the_variable_nothing_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTROOM_LISTEN_FDS", raising=False)
    assert inherited_listeners() == []


@pytest.mark.parametrize("text", ["relay", "relay=127.0.0.1:2525", "relay=127.0.0.1:smtp=5", "relay=127.0.0.1=5"])
def test_nonsense_is_refused_with_the_variables_name(text: str) -> None:
    with pytest.raises(ValueError, match="POSTROOM_LISTEN_FDS"):
        inherited_listeners(text)


def test_an_inherited_socket_is_the_same_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with InheritedListener("relay", address[0], address[1], server.detach()).open() as inherited:
            assert inherited.getsockname() == address
            assert not inherited.getblocking()
