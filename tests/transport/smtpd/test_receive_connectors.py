"""What a receive connector says, its sessions keep to: extensions, limits, and the relay permissions of tenants."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from tenants.actions.actor import Actor
from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.actions.receive_connectors import change_receive_connector, renew_relay_password
from transport.models import Message, ReceiveConnector

pytestmark = pytest.mark.django_db(transaction=True)
OPERATOR = Actor("operator", "1", "op")


@pytest.fixture
def listener(connectors: dict[str, ReceiveConnector]) -> ReceiveConnector:
    return connectors["smtp"]


def change(server: Server, connector: ReceiveConnector, **fields: Any) -> None:
    ReceiveConnector.objects.filter(pk=connector.pk).update(**fields)
    server.reload()


@pytest.mark.parametrize(
    ("field", "offer", "command"),
    [
        ("eight_bit_mime_enabled", "8BITMIME", "MAIL FROM:<x@y.example> BODY=8BITMIME"),
        ("delivery_status_notification_enabled", "DSN", "MAIL FROM:<x@y.example> RET=HDRS"),
        ("chunking_enabled", "CHUNKING", "BDAT 3"),
        ("pipelining_enabled", "PIPELINING", ""),
        ("enhanced_status_codes_enabled", "ENHANCEDSTATUSCODES", ""),
    ],
)
def test_an_extension_that_is_off_is_neither_offered_nor_taken(
    server: Server, listener: ReceiveConnector, field: str, offer: str, command: str
) -> None:
    with server.connect() as client:
        assert offer in client.ehlo()
    change(server, listener, **{field: False})
    with server.connect() as client:
        assert offer not in client.ehlo()
        if command:
            assert client.say(command)[:3] in ("555", "502")


@pytest.mark.parametrize(("mode", "line"), [("enabled_without_value", "250-SIZE"), ("disabled", None)])
def test_the_size_may_be_kept_back_or_not_offered(
    server: Server, listener: ReceiveConnector, mode: str, line: str | None
) -> None:
    change(server, listener, size_enabled=mode)
    with server.connect() as client:
        sizes = [one for one in client.ehlo().splitlines() if "SIZE" in one]
        assert sizes == ([line] if line else [])
        assert client.say("MAIL FROM:<x@y.example> SIZE=10")[:3] == ("250" if line else "555")


def test_without_enhanced_codes_no_reply_has_one(server: Server, listener: ReceiveConnector) -> None:
    change(server, listener, enhanced_status_codes_enabled=False)
    with server.connect() as client:
        client.ehlo()
        assert client.say("MAIL FROM:<x@y.example>") == "250 Sender OK"
        assert client.say("RCPT TO:<nobody@contoso.example>").startswith("550 ")
        assert client.say("RCPT TO:<bob@contoso.example>") == "250 Recipient OK"
        assert client.data(CONTENT).startswith("250 <1@y.example> [InternalId=")


def test_a_client_may_have_to_say_its_full_name(server: Server, listener: ReceiveConnector) -> None:
    change(server, listener, require_ehlo_domain=True)
    with server.connect() as client:
        assert client.say("EHLO laptop").startswith("501 5.5.4")
        assert client.say("HELO laptop").startswith("501 5.5.4")
        assert client.say("MAIL FROM:<x@y.example>").startswith("503")
        assert client.say("EHLO [192.0.2.1]").startswith("250")
        assert client.say("EHLO mail.y.example").startswith("250")


def test_local_hops_are_counted_up_to_the_connectors_limit(server: Server, listener: ReceiveConnector) -> None:
    hop = f"Received: from a by {server.daemon.service.hostname} with ESMTP; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    looping = hop.encode() * 3 + CONTENT
    for limit, code in ((3, "250"), (2, "554"), (0, "250")):
        change(server, listener, max_local_hop_count=limit)
        with server.connect() as client:
            client.ehlo()
            client.envelope("x@y.example", "bob@contoso.example")
            assert client.data(looping)[:3] == code


def test_one_source_gets_a_share_of_the_free_places_only(server: Server, listener: ReceiveConnector) -> None:
    change(server, listener, max_inbound_connections=10, max_inbound_connections_percentage_per_source=20)
    port = server.ports["smtp"]
    with Client(port) as first, Client(port) as second:
        # 20 % of the 8 that are left are one, and it has two.
        assert [one.greeting[:3] for one in (first, second)] == ["220", "421"]
        with Client(port, source="127.0.0.2") as other:
            assert other.greeting.startswith("220")


def test_a_session_opened_before_a_change_goes_on_and_keeps_to_it(server: Server, listener: ReceiveConnector) -> None:
    with server.connect() as client:
        client.ehlo()
        change_receive_connector(actor=OPERATOR, connector=listener, max_recipients_per_message=1)
        server.wait_until(lambda: "RCPTMAX=1\n" in offer_of(server), timeout=2)
        replies = client.envelope("x@y.example", "bob@contoso.example", "alice@contoso.example")
        assert [reply[:3] for reply in replies] == ["250", "250", "452"]
        assert client.data(CONTENT).startswith("250")
        change_receive_connector(actor=OPERATOR, connector=listener, enabled=False)
        server.wait_until(lambda: listener.pk not in server.daemon.service.table.listening, timeout=2)
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250")
    assert Message.objects.count() == 2


def offer_of(server: Server) -> str:
    with server.connect() as client:
        return client.ehlo() + "\n"


def test_who_is_externally_secured_has_the_rights_of_servers(server: Server, alice: Contoso) -> None:
    factories.make_receive_connector(
        name="Gateway",
        remote_ranges=["127.0.0.1"],
        auth_mechanisms=["external_authoritative"],
        permission_groups=["exchange_servers"],
        max_message_size=64 * 1024,
    )
    server.reload()
    with server.connect() as client:
        client.ehlo()
        assert client.say("MAIL FROM:<bob@contoso.example>").startswith("250")


# Relay permissions -------------------------------------------------------------------------------------------


def relay(alice: Contoso, **fields: Any) -> ReceiveConnector:
    fields = {"name": "Printers", "remote_ranges": ["127.0.0.1/32"], "approved_at": timezone.now(), **fields}
    return factories.make_receive_connector(alice.tenant, **fields)


def outside(client: Client, sender: str) -> str:
    client.say("RSET")
    client.say(f"MAIL FROM:<{sender}>")
    return client.say("RCPT TO:<z@elsewhere.example>")[:9]


def test_a_permission_holds_for_the_senders_that_it_names(alice: Contoso, server: Server) -> None:
    factories.make_domain(alice.tenant, "prints.example")
    relay(alice, senders=["scanner@contoso.example", "prints.example"])
    server.reload()
    with server.connect() as client:
        client.ehlo()
        assert outside(client, "Scanner@contoso.example") == "250 2.1.5"
        assert outside(client, "any@prints.example") == "250 2.1.5"
        assert outside(client, "bob@contoso.example") == "550 5.7.1"


def test_a_permission_has_a_size_and_a_rate_of_its_own(alice: Contoso, server: Server) -> None:
    relay(alice, max_message_size=64 * 1024, message_rate_limit=2)
    server.reload()
    with server.connect() as client:
        client.ehlo()
        assert client.say("MAIL FROM:<scanner@contoso.example> SIZE=70000").startswith("552")
        assert outside(client, "scanner@contoso.example") == "250 2.1.5"
        client.say("RSET")
        assert client.say("MAIL FROM:<scanner@contoso.example>").startswith("451 4.7.0")
        # Whoever does not use the permission is not held to it.
        assert client.say("MAIL FROM:<x@y.example>").startswith("250")


def test_a_machine_relays_from_anywhere_with_the_log_in_of_a_permission(alice: Contoso, server: Server) -> None:
    permission = relay(alice, name="Shop", remote_ranges=[], approved_at=None, senders=["shop@contoso.example"])
    password = renew_relay_password(actor=OPERATOR, connector=permission)
    server.reload()
    assert permission.user_name
    with server.connect("submission") as client:
        client.start_tls()
        assert client.log_in(permission.user_name, "wrong").startswith("535")
        assert client.log_in(permission.user_name, password).startswith("235")
        assert client.say("MAIL FROM:<bob@contoso.example>").startswith("550 5.7.60")
        assert outside(client, "shop@contoso.example") == "250 2.1.5"
        assert client.data(CONTENT).startswith("250")
    message = Message.objects.get()
    assert (message.tenant, message.origin, message.receive_connector) == (alice.tenant, "relay", "Shop")


def test_a_log_in_that_was_withdrawn_ends_with_the_next_message(alice: Contoso, server: Server) -> None:
    permission = relay(alice, remote_ranges=[], approved_at=None)
    password = renew_relay_password(actor=OPERATOR, connector=permission)
    server.reload()
    with server.connect("submission") as client:
        client.start_tls()
        client.log_in(str(permission.user_name), password)
        assert client.say("MAIL FROM:<bob@contoso.example>").startswith("250")
        client.say("RSET")
        change(server, permission, enabled=False)
        assert client.say("MAIL FROM:<bob@contoso.example>").startswith("530 5.7.1")
        assert client.log_in(str(permission.user_name), password)[:3] != "235"


def test_an_approval_that_was_taken_back_ends_with_the_next_message(alice: Contoso, server: Server) -> None:
    permission = relay(alice)
    server.reload()
    with server.connect() as client:
        client.ehlo()
        assert outside(client, "scanner@contoso.example") == "250 2.1.5"
        client.say("RSET")
        change(server, permission, approved_at=None)
        assert outside(client, "scanner@contoso.example") == "550 5.7.1"


# The trace ---------------------------------------------------------------------------------------------------


def steps_of(message: Message) -> list[dict[str, Any]]:
    assert message.trace is not None
    return [step for step in message.trace["steps"] if step["step"] == "client"]


def test_the_trace_tells_which_connector_took_the_client_and_why_no_other(alice: Contoso, server: Server) -> None:
    factories.make_receive_connector(name="Narrow", remote_ranges=["127.0.0.1"], permission_groups=["anonymous_users"])
    factories.make_receive_connector(name="Elsewhere", remote_ranges=["192.0.2.0/24"])
    relay(alice, name="Wide", remote_ranges=["127.0.0.0/24"])
    relay(alice, name="One", senders=["scanner@contoso.example"])
    server.reload()
    with server.connect() as client:
        client.ehlo()
        for sender in ("scanner@contoso.example", "x@y.example"):
            client.envelope(sender, "bob@contoso.example")
            assert client.data(CONTENT).startswith("250")
    relayed, strange = Message.objects.order_by("id")
    listener, permission = steps_of(relayed)
    told = {one["name"]: (one["verdict"], one["why"]) for one in listener["considered"]}
    assert listener["subject"] == "Narrow"
    assert told["Narrow"][0] == "won"
    assert told["Default"] == ("lost", "range 0.0.0.0/0 is less specific than 127.0.0.1")
    assert told["Elsewhere"] == ("lost", "no remote range holds 127.0.0.1")
    assert "Client" not in told, "what listens elsewhere is nothing to this client"
    assert (permission["subject"], permission["verdict"]) == ("One", "chosen")
    assert [(one["name"], one["verdict"]) for one in permission["considered"]] == [("One", "won"), ("Wide", "lost")]
    _listener, refused = steps_of(strange)
    assert refused["verdict"] == "warning"
    assert {one["why"] for one in refused["considered"]} == {
        "x@y.example is not on a verified domain of the organisation"
    }


def test_no_other_tenant_hears_of_a_permission(alice: Contoso, server: Server) -> None:
    other = factories.make_tenant("fabrikam")
    factories.make_mailbox(factories.make_domain(other, "fabrikam.example"), "dora")
    relay(alice, name="Secret printer")
    server.reload()
    with server.connect() as client:
        client.ehlo()
        for sender in ("scanner@contoso.example", "x@y.example"):
            client.envelope(sender, "dora@fabrikam.example")
            assert client.data(CONTENT).startswith("250")
    for message in Message.objects.filter(tenant=other):
        assert "Secret printer" not in str(message.trace)
        assert message.receive_connector != "Secret printer"
