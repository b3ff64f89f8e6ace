"""Reliability 2.12: nobody writes in another's name, whatever the message looks like; by SMTP, API and composer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest

from tenants.actions.actor import SYSTEM
from tenants.actions.keys import create_api_key
from tenants.actions.send_as import set_send_as
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from tests.transport.smtpd.conftest import Client, Server
from transport.models import Message, MessageBody

pytestmark = pytest.mark.django_db(transaction=True)

# Header lines that a reader may take for the chief's; `alice` alone belongs to the user.
SPOOFS = {
    "another tenant's author": b"From: ceo@fabrikam.example\r\n",
    "two From lines": b"From: alice@contoso.example\r\nFrom: ceo@fabrikam.example\r\n",
    "two From lines, turned round": b"From: ceo@fabrikam.example\r\nFrom: alice@contoso.example\r\n",
    "a space before the colon": b"From : ceo@fabrikam.example\r\nFrom: alice@contoso.example\r\n",
    "a folded name": b"From\r\n : ceo@fabrikam.example\r\nFrom: alice@contoso.example\r\n",
    "a leading space": b" From: ceo@fabrikam.example\r\nFrom: alice@contoso.example\r\n",
    "a leading tab": b"\tFrom: ceo@fabrikam.example\r\nFrom: alice@contoso.example\r\n",
    "two mailboxes": b"From: alice@contoso.example, ceo@fabrikam.example\r\n",
    "a group": b"From: board: ceo@fabrikam.example;\r\n",
    "a route": b"From: <@contoso.example,@fabrikam.example:ceo@fabrikam.example>\r\n",
    "text after the bracket": b"From: <alice@contoso.example>ceo@fabrikam.example\r\n",
    "text before the bracket": b"From: alice@contoso.example <ceo@fabrikam.example>\r\n",
    "two brackets": b"From: <alice@contoso.example> <ceo@fabrikam.example>\r\n",
    "a quoted comma": b'From: "ceo@fabrikam.example\\, " <alice@contoso.example>, <ceo@fabrikam.example>\r\n',
    "an encoded address": b"From: =?utf-8?q?ceo=40fabrikam.example?= <ceo@fabrikam.example>\r\n",
    "nothing but an encoded word": b"From: =?utf-8?q?=3Cceo=40fabrikam.example=3E?=\r\n",
    "a comment": b"From: (alice@contoso.example) ceo@fabrikam.example\r\n",
    "an NUL": b"From: alice@contoso.example\0ceo@fabrikam.example\r\n",
    "a neighbour": b"From: bob@contoso.example\r\n",
    "Sender alone": b"Sender: alice@contoso.example\r\nFrom: ceo@fabrikam.example\r\n",
    "Resent-From alone": b"Resent-From: alice@contoso.example\r\nFrom: ceo@fabrikam.example\r\n",
}
HONEST = {
    "the plain address": b"From: alice@contoso.example\r\n",
    "a name": b"From: Alice <alice@contoso.example>\r\n",
    "capitals": b"FROM: Alice <ALICE@Contoso.Example>\r\n",
    "an encoded name": b"From: =?utf-8?q?Al=C3=ADce?= <alice@contoso.example>\r\n",
    "a folded line": b"From: Alice\r\n <alice@contoso.example>\r\n",
}
REST = b"To: bob@contoso.example\r\nSubject: x\r\n\r\nHi\r\n"


@pytest.fixture
def client(alice: Contoso, server: Server) -> Iterator[Client]:
    other = factories.make_tenant("fabrikam")
    factories.make_mailbox(factories.make_domain(other, "fabrikam.example"), "ceo")
    with server.connect("submissions") as client:
        client.ehlo()
        client.log_in("alice@contoso.example")
        yield client


def test_no_message_in_another_name_is_taken(client: Client) -> None:
    for name, header in SPOOFS.items():
        assert client.envelope("alice@contoso.example", "bob@contoso.example")[1].startswith("250")
        reply = client.data(header + REST)
        assert reply[:2] == "55", (name, reply)
        if client.say("NOOP")[:3] != "250":  # who made too many mistakes comes again
            pytest.fail(f"cut off after {name}")
    assert not Message.objects.exists()


def test_what_is_honest_passes(client: Client) -> None:
    for name, header in HONEST.items():
        client.envelope("alice@contoso.example", "bob@contoso.example")
        reply = client.data(header + REST)
        assert reply.startswith("250 2.6.0"), (name, reply)


@pytest.mark.parametrize(
    "sender", ["ceo@fabrikam.example", "bob@contoso.example", "@contoso.example:ceo@fabrikam.example"]
)
def test_the_envelope_is_held_to_the_same_rule(client: Client, sender: str) -> None:
    assert client.say(f"MAIL FROM:<{sender}>")[:3] in {"550", "501"}


def test_a_null_sender_frees_nobody(client: Client) -> None:
    client.envelope("", "bob@contoso.example")
    assert client.data(b"From: ceo@fabrikam.example\r\n" + REST).startswith("550 5.7.60")


def test_the_api_holds_to_it_too(alice: Contoso) -> None:
    factories.make_mailbox(factories.make_domain(factories.make_tenant("fabrikam"), "fabrikam.example"), "ceo")
    _, token = create_api_key(actor=SYSTEM, name="program", tenant=alice.tenant)
    api = Program(token)
    for name, header in SPOOFS.items():
        if name == "a neighbour":  # an organisation's key speaks for all of its addresses
            continue
        body = {"from": "alice@contoso.example", "to": ["bob@contoso.example"]}
        answer = api.post("messages/", body | {"raw": b64encode(header + REST).decode()})
        assert answer.status_code in {400, 403, 422}, (name, answer.content)
    assert not Message.objects.exists()


def test_who_was_granted_send_as_may_use_the_address_and_who_lost_it_may_not(alice: Contoso, client: Client) -> None:
    set_send_as(actor=SYSTEM, mailbox=alice.bob_mailbox, addresses=["alice@contoso.example"])
    taken = client.envelope("bob@contoso.example", "alice@contoso.example")
    while taken[0].startswith("550"):  # within two seconds
        taken = client.envelope("bob@contoso.example", "alice@contoso.example")
    assert client.data(b"From: Bob <bob@contoso.example>\r\n" + REST).startswith("250 2.6.0")
    set_send_as(actor=SYSTEM, mailbox=alice.bob_mailbox, addresses=[])
    while (reply := client.say("MAIL FROM:<bob@contoso.example>")).startswith("250"):
        client.say("RSET")
    assert reply.startswith("550 5.7.60")


def test_a_stranger_cannot_bring_fields_that_are_ours(server: Server) -> None:
    forged = b"Return-Path: <ceo@contoso.example>\r\nX-Postroom-Checked: yes\r\n"
    forged += b"Authentication-Results: mail.contoso.example; spf=pass\r\n"
    with server.connect() as stranger:
        stranger.ehlo()
        stranger.envelope("x@y.example", "bob@contoso.example")
        assert stranger.data(forged + b"From: x@y.example\r\nX-Mine: yes\r\n" + REST).startswith("250")
    header = bytes(MessageBody.objects.get(pk=Message.objects.get().pk).content).lower()
    assert b"x-mine: yes" in header
    assert not any(name in header for name in (b"return-path", b"x-postroom", b"authentication-results"))
