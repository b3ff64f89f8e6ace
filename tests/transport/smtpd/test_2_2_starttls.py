"""STARTTLS: what was said in clear text counts for nothing afterwards (RFC 3207 4.2, reliability 2.2)."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing

import pytest

from tests.transport.smtpd.conftest import Server, tls_context
from transport.models import Message, ReceiveConnector

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "injected",
    [
        b"NOOP\r\n",
        b"EHLO evil\r\n",
        b"MAIL FROM:<evil@y.example>\r\n",
        b"RSET ",
        b"\n",
        b"STARTTLS\r\n",
        b"QUIT\r\n",
        b"AUTH LOGIN\r\n",
        b"NOOP\r\n" * 10_000,
        b"EHLO e\r\nMAIL FROM:<>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n",
    ],
)
def test_what_is_put_in_front_of_tls_gets_no_answer_inside(server: Server, injected: bytes) -> None:
    with server.connect() as client:
        client.ehlo()
        client.send(b"STARTTLS\r\n" + injected)
        assert client.hear().startswith("220")
        client.wrap()
        assert client.say("MAIL FROM:<x@y.example>") == "503 5.5.1 Send hello first"
        assert client.ehlo().startswith("250-mail.contoso.example")
        assert client.say("NOOP") == "250 2.0.0 OK"
    assert not Message.objects.exists()


def test_a_transaction_and_its_half_line_before_tls_are_forgotten(server: Server) -> None:
    for left_open in (b"DATA\r\nSubject: evil\r\n", b"RCPT TO:<bo", b"BDAT 10\r\nabc"):
        with server.connect() as client:
            client.ehlo()
            client.send(b"STARTTLS\r\nEHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@contoso.example>\r\n" + left_open)
            assert client.hear().startswith("220")
            client.wrap()
            client.ehlo()
            assert client.say("DATA").startswith("503 5.5.1"), left_open
    assert not Message.objects.exists()


def test_an_envelope_from_before_tls_is_forgotten(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.say("STARTTLS").startswith("220")
        client.wrap()
        assert client.say("RCPT TO:<bob@contoso.example>").startswith("503")
        assert client.say("DATA").startswith("503")
        client.ehlo()
        assert client.envelope("x@y.example", "bob@contoso.example")[-1].startswith("250")


def test_a_line_in_a_late_segment_is_no_handshake_and_gets_no_answer(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        assert client.say("STARTTLS").startswith("220")
        client.send(b"MAIL FROM:<evil@y.example>\r\nNOOP\r\n")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            client.wrap()
    assert not Message.objects.exists()


def test_nothing_is_said_in_clear_text_after_220(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        assert client.say("STARTTLS").startswith("220")
        client.send(b"NOOP\r\n")
        # A TLS alert at most: its records begin with 0x15.
        assert client.socket.recv(1000)[:1] in (b"", b"\x15")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(server: Server, version: ssl.TLSVersion) -> None:
    context = tls_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    for name in ("smtp", "submissions"):
        with closing(socket.create_connection(("127.0.0.1", server.ports[name]), timeout=15)) as client:
            if name == "smtp":
                client.recv(200)
                client.sendall(b"STARTTLS\r\n")
                assert client.recv(200).startswith(b"220")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(client)


def test_a_second_starttls_and_one_with_an_argument_are_refused(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        assert client.say("STARTTLS now").startswith("501")
        client.start_tls()
        assert "STARTTLS" not in client.ehlo()
        assert client.say("STARTTLS").startswith("503")


def test_a_handshake_that_breaks_leaves_the_others_served_and_is_no_fault_of_ours(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with server.connect() as broken, server.connect() as other:
        broken.ehlo()
        broken.say("STARTTLS")
        broken.send(b"\x16\x03\x01\x02\x00\x01\x00")
        assert other.say("NOOP") == "250 2.0.0 OK"
        broken.send(b"this is no TLS at all\r\n" * 40)
        server.wait_until(lambda: len(server.daemon.service.crowd.sessions) == 1)
    with server.connect() as client:
        assert client.ehlo().startswith("250")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_where_tls_is_required_mail_in_clear_text_is_refused(
    connectors: dict[str, ReceiveConnector], server: Server
) -> None:
    ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(require_tls=True)
    server.reload()
    with server.connect() as client:
        client.ehlo()
        assert client.say("MAIL FROM:<x@y.example>") == "530 5.7.0 Must issue a STARTTLS command first"
        client.start_tls()
        assert client.say("MAIL FROM:<x@y.example>").startswith("250")
