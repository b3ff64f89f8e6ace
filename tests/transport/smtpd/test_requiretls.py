"""REQUIRETLS (RFC 8689) inward: offered and taken over TLS alone, and kept with the message."""

from __future__ import annotations

import pytest

from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def test_over_tls_it_is_offered_and_kept(server: Server) -> None:
    with server.connect() as client:
        client.start_tls()
        assert "REQUIRETLS" in client.ehlo()
        assert client.say("MAIL FROM:<x@y.example> REQUIRETLS RET=FULL").startswith("250")
        client.say("RCPT TO:<bob@contoso.example>")
        assert client.data(CONTENT).startswith("250")
        assert client.say("MAIL FROM:<x@y.example> REQUIRETLS=1").startswith("501")
        client.envelope("x@y.example", "bob@contoso.example")
        client.data(CONTENT)
    # Of such a message a notice returns the header alone (RFC 8689 5).
    assert list(Message.objects.order_by("id").values_list("require_tls", "ret")) == [(True, "HDRS"), (False, "")]


def test_in_clear_it_is_unknown(server: Server) -> None:
    with server.connect() as client:
        assert "REQUIRETLS" not in client.ehlo()
        assert client.say("MAIL FROM:<x@y.example> REQUIRETLS").startswith("555 5.5.4")
