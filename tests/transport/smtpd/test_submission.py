"""Mail of mailbox users: only over TLS, only after log-in, only under their own addresses (RFC 6409)."""

from __future__ import annotations

import smtplib
from base64 import b64encode
from collections.abc import Iterator

import pytest

from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import PASSWORD, Client, Server, tls_context
from transport.authentication.scram import make_verifier
from transport.models import Delivery, Message, MessageBody, TrackingEvent

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = b"From: alice@contoso.example\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client on the submission port, in TLS, not logged in."""
    with server.connect("submission") as connected:
        connected.start_tls()
        yield connected


def test_log_in_is_offered_inside_tls_only(server: Server) -> None:
    with server.connect("submission") as client:
        assert "STARTTLS" in client.ehlo()
        assert "AUTH" not in client.ehlo()
        assert client.log_in("alice@contoso.example").startswith("538 5.7.11")
        client.start_tls()
        assert "AUTH PLAIN LOGIN SCRAM-SHA-256" in client.ehlo()


def test_mail_without_log_in_is_refused(client: Client) -> None:
    assert client.say("MAIL FROM:<alice@contoso.example>") == "530 5.7.1 Client was not authenticated"


def test_a_foreign_client_library_submits_a_message(server: Server) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports["submission"], timeout=15) as client:
        client.starttls(context=tls_context())
        client.login("alice@contoso.example", PASSWORD)
        client.sendmail("alice@contoso.example", ["bob@contoso.example"], CONTENT)
    message = Message.objects.get()
    assert (message.origin, message.incoming, message.receive_connector) == ("submission", False, "Client")
    assert Delivery.objects.get().recipient == "bob@contoso.example"


def test_tls_from_the_first_byte_needs_no_starttls(server: Server) -> None:
    with server.connect("submissions") as client:
        assert "STARTTLS" not in client.ehlo()
        assert client.log_in("alice@contoso.example") == "235 2.7.0 Authentication successful"


def test_what_a_message_lacks_is_added_and_where_its_writer_sits_is_not_told(client: Client) -> None:
    client.log_in("alice@contoso.example")
    client.envelope("alice@contoso.example", "bob@contoso.example")
    assert "Queued mail for delivery" in client.data(CONTENT)
    message = Message.objects.get()
    body = bytes(MessageBody.objects.get(pk=message.pk).content).decode()
    header = body.partition("\r\n\r\n")[0]
    assert header.startswith("Received: by mail.contoso.example (Postroom) with ESMTPSA id ")
    assert "127.0.0.1" not in header
    assert "\r\nDate: " in header
    assert f"\r\nMessage-ID: {message.internet_message_id}\r\n" in header
    assert message.internet_message_id.endswith("@mail.contoso.example>")


def test_a_message_without_an_author_gets_its_sender_for_one(client: Client) -> None:
    client.log_in("alice@contoso.example")
    client.envelope("alice@contoso.example", "bob@contoso.example")
    assert client.data(b"Sender: bob@contoso.example\r\n\r\nHi\r\n").startswith("250")
    assert Message.objects.get().from_header == "alice@contoso.example"
    client.envelope("", "bob@contoso.example")
    assert client.data(b"Sender: bob@contoso.example\r\n\r\nHi\r\n").startswith("550 5.6.0")


@pytest.mark.parametrize("sender", ["bob@contoso.example", "alice@elsewhere.example", "nobody@contoso.example"])
def test_a_sender_must_be_the_users_own(client: Client, sender: str) -> None:
    client.log_in("alice@contoso.example")
    assert client.say(f"MAIL FROM:<{sender}>").startswith("550 5.7.60")
    assert client.say("MAIL FROM:<Alice@Contoso.Example>").startswith("250")


@pytest.mark.parametrize(
    "header",
    [
        b"From: bob@contoso.example\r\n",
        b"From: alice@contoso.example, bob@contoso.example\r\n",
        b"From: alice@contoso.example\r\nFrom: bob@contoso.example\r\n",
        b"From: bob@contoso.example\r\nfrom : alice@contoso.example\r\n",
        b"From: =?utf-8?q?bob=40contoso.example?= <bob@contoso.example>\r\n",
        b"From: <alice@contoso.example>bob@contoso.example\r\n",
        b" From: bob@contoso.example\r\n",
        b"X:\r\n" * 10_000 + b"From: bob@contoso.example\r\n",
        b"From: alice@contoso.example\r\n" + b"X:\r\n" * 10_000 + b"From: bob@contoso.example\r\n",
    ],
)
def test_the_author_in_the_header_must_be_the_user_too(client: Client, header: bytes) -> None:
    client.log_in("alice@contoso.example")
    client.envelope("alice@contoso.example", "bob@contoso.example")
    assert client.data(header + b"Subject: x\r\n\r\nHi\r\n").startswith("55")
    assert not Message.objects.exists()


def test_a_sender_that_the_world_cannot_answer_is_told_before_the_peer_does(alice: Contoso, client: Client) -> None:
    domain = factories.make_domain(alice.tenant, "exchange.local", verified=False)
    factories.make_address(alice.alice_mailbox, domain, "alice")
    client.log_in("alice@contoso.example")
    assert client.say("MAIL FROM:<alice@exchange.local>").startswith("250")
    refusal = client.say("RCPT TO:<z@elsewhere.example>")
    assert refusal.startswith("550 5.7.1 Sender alice@exchange.local cannot be used on the Internet")
    assert client.say("RCPT TO:<bob@contoso.example>").startswith("250")


def test_mail_to_the_outside_waits_as_unreachable_without_a_send_connector(client: Client) -> None:
    client.log_in("alice@contoso.example")
    client.envelope("alice@contoso.example", "z@elsewhere.example")
    assert client.data(CONTENT).startswith("250 2.6.0")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_error_reason) == ("unreachable", "route.no_connector")
    events = TrackingEvent.objects.filter(message_id=delivery.message_id).values_list("event_id", "source")
    assert sorted(events) == [("DEFER", "ROUTING"), ("RECEIVE", "SMTP")]


def test_dsn_parameters_are_kept_with_the_recipient(client: Client) -> None:
    client.log_in("alice@contoso.example")
    assert client.say("MAIL FROM:<alice@contoso.example> RET=HDRS ENVID=abc+3D").startswith("250")
    command = "RCPT TO:<bob@contoso.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;robert@contoso.example"
    assert client.say(command).startswith("250")
    client.data(CONTENT)
    message, delivery = Message.objects.get(), Delivery.objects.get()
    assert (message.ret, message.envid) == ("HDRS", "abc+3D")
    assert (delivery.notify, delivery.original_recipient) == ("SUCCESS,FAILURE", "rfc822;robert@contoso.example")
    assert delivery.delay_notice_at is None


def test_auth_login_and_its_ways_to_end(client: Client) -> None:
    def encoded(text: str) -> str:
        return b64encode(text.encode()).decode()

    assert client.say("AUTH LOGIN") == "334 VXNlcm5hbWU6"
    assert client.say("*") == "501 5.7.0 Authentication aborted"
    assert client.say("AUTH login %%%") == "501 5.5.2 Cannot decode the response"
    assert client.say("AUTH XYZ").startswith("504 5.7.4")
    assert client.say("AUTH LOGIN " + encoded("alice@contoso.example")) == "334 UGFzc3dvcmQ6"
    assert client.say(encoded(PASSWORD)) == "235 2.7.0 Authentication successful"
    assert client.say("AUTH PLAIN").startswith("503")


@pytest.mark.parametrize("name", ["alice@contoso.example", "nobody@contoso.example", "no address", ""])
def test_a_wrong_password_and_an_unknown_name_are_answered_alike_and_then_cut(client: Client, name: str) -> None:
    assert client.log_in(name, "wrong") == "535 5.7.8 Authentication credentials invalid"
    assert client.log_in(name, "wrong") == "535 5.7.8 Authentication credentials invalid"
    assert client.log_in(name, "wrong").startswith("421 4.7.0")
    assert client.hear() == ""


def test_the_same_address_in_two_tenants_is_told_apart_by_the_password(alice: Contoso, client: Client) -> None:
    for slug, password in (("one", "first"), ("two", "second")):
        tenant = factories.make_tenant(slug)
        domain = factories.make_domain(tenant, "exchange.local", verified=False)
        factories.make_mailbox(domain, "ann", verifier=make_verifier(password))
    assert client.log_in("ann@exchange.local", "neither").startswith("535")
    assert client.log_in("ann@exchange.local", "second").startswith("235")
    client.envelope("ann@exchange.local", "ann@exchange.local")
    assert client.data(b"Subject: x\r\n\r\nHi\r\n").startswith("250")
    assert Message.objects.get().tenant.slug == "two"


@pytest.mark.parametrize(
    ("name", "password"),
    [(b"re\0lay", b"x"), (b"\0@contoso.example", b"x"), (b"alice@contoso.example", b"correct\0horse")],
)
def test_a_log_in_with_a_nul_in_it_is_a_wrong_one(client: Client, name: bytes, password: bytes) -> None:
    client.say(f"AUTH LOGIN {b64encode(name).decode()}")
    assert client.say(b64encode(password).decode()).startswith("535 5.7.8")
