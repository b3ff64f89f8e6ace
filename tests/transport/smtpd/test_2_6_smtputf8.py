"""Addresses beyond ASCII: one spelling for each, and none that only looks like another (reliability 2.6)."""

from __future__ import annotations

import unicodedata

import pytest

from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Delivery, Message, MessageBody

pytestmark = pytest.mark.django_db(transaction=True)


def offer(client: Client, recipient: str) -> str:
    client.say("RSET")
    client.say("MAIL FROM:<x@y.example> SMTPUTF8")
    return client.say(f"RCPT TO:<{recipient}>")


@pytest.fixture
def international(alice: Contoso, server: Server) -> Server:
    domain = factories.make_domain(alice.tenant, "xn--bcher-kva.example")
    factories.make_mailbox(domain, "jürgen")
    return server


def test_a_name_has_one_mailbox_however_it_is_composed_and_its_domain_written(international: Server) -> None:
    composed, decomposed = (unicodedata.normalize(form, "jürgen") for form in ("NFC", "NFD"))
    assert composed != decomposed
    spellings = [
        *(f"{composed}@bücher.example", f"{decomposed}@bücher.example", f"{composed}@xn--bcher-kva.example"),
        *(f"{composed.upper()}@BÜCHER.example", f"{composed}@XN--BCHER-KVA.EXAMPLE"),
        f"{composed}@{unicodedata.normalize('NFD', 'bücher')}.example",
    ]
    with international.connect() as client:
        client.ehlo()
        for spelling in spellings:
            assert offer(client, spelling).startswith("250"), spelling
            assert client.data(CONTENT).startswith("250 2.6.0")
    assert len(set(Delivery.objects.values_list("mailbox_id", flat=True))) == 1
    assert Message.objects.filter(smtputf8=True).count() == len(spellings)
    body = bytes(MessageBody.objects.get(pk=Message.objects.latest("received_at").pk).content)
    assert b" with UTF8SMTP id " in body


@pytest.mark.parametrize(
    "recipient",
    [
        "bob@cont\u043eso.example",  # a Cyrillic o
        "bob@contoso\uff0eexample",  # a full-width dot
        "bob\uff20contoso.example",  # a full-width at
        "bob@\uff43ontoso.example",  # a full-width c
        "bob@conto\u200dso.example",
        "bob@conto\u200bso.example",
        "bob@\u202eosotnoc.example",
        "b\u200dob@contoso.example",
        "b\u202eob@contoso.example",
        "b\u043eb@contoso.example",
        "bob@contoso\u3002example",  # an ideographic full stop
        "bob@conto\u00adso.example",
        "bob@xn--contoso-.example",
    ],
)
def test_a_look_alike_is_not_the_real_one(server: Server, recipient: str) -> None:
    with server.connect() as client:
        client.ehlo()
        assert offer(client, recipient)[:3] in ("501", "550", "553")
        assert offer(client, "bob@contoso.example").startswith("250")


def test_without_smtputf8_only_the_a_label_reaches_an_international_domain(international: Server) -> None:
    domain_only = "postmaster@xn--bcher-kva.example"
    with international.connect() as client:
        client.ehlo()
        client.say("MAIL FROM:<x@y.example>")
        assert client.say("RCPT TO:<postmaster@bücher.example>").startswith("553 5.6.7")
        assert client.say(f"RCPT TO:<{domain_only}>").startswith("250")
