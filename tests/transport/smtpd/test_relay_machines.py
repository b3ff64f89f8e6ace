"""Machines of tenants that relay by their address: approved ranges only, and only under that tenant's name (§12.14)."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Message, ReceiveConnector

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def printer(alice: Contoso) -> ReceiveConnector:
    """A connector of contoso's for this very machine, approved."""
    return factories.make_receive_connector(
        alice.tenant, name="Printers", remote_ranges=["127.0.0.1/32"], approved_at=timezone.now()
    )


def outside(client: Client, sender: str) -> str:
    """Return the answer to a recipient outside."""
    client.say("RSET")
    assert client.say(f"MAIL FROM:<{sender}>").startswith("250")
    return client.say("RCPT TO:<z@elsewhere.example>")[:9]


def test_a_machine_in_an_approved_range_relays_under_its_tenants_domain(
    printer: ReceiveConnector, server: Server
) -> None:
    with server.connect() as client:
        client.ehlo()
        assert outside(client, "scanner@contoso.example") == "250 2.1.5"
        assert client.data(CONTENT).startswith("250 2.6.0")
    message = Message.objects.get()
    assert (message.origin, message.receive_connector, message.incoming) == ("relay", "Printers", False)


@pytest.mark.parametrize("sender", ["", "x@elsewhere.example", "dora@fabrikam.example", "ann@claimed.example"])
def test_under_any_other_name_it_is_a_stranger(
    alice: Contoso, printer: ReceiveConnector, server: Server, sender: str
) -> None:
    factories.make_domain(factories.make_tenant("fabrikam"), "fabrikam.example")
    factories.make_domain(alice.tenant, "claimed.example", verified=False)
    with server.connect() as client:
        client.ehlo()
        assert outside(client, sender) == "550 5.7.1"
        assert client.say("RCPT TO:<bob@contoso.example>").startswith("250")
        client.data(CONTENT)
    assert Message.objects.get().origin == "anonymous"


def test_with_the_right_any_accepted_domain_of_the_tenant_will_do(
    alice: Contoso, printer: ReceiveConnector, server: Server
) -> None:
    factories.make_domain(alice.tenant, "exchange.local", verified=False)
    ReceiveConnector.objects.filter(pk=printer.pk).update(permissions=["accept_any_sender"])
    server.reload()
    with server.connect() as client:
        client.ehlo()
        assert outside(client, "scanner@exchange.local") == "250 2.1.5"
        assert outside(client, "x@elsewhere.example") == "550 5.7.1"


def test_a_range_that_nobody_approved_gives_no_right(printer: ReceiveConnector, server: Server) -> None:
    ReceiveConnector.objects.filter(pk=printer.pk).update(approved_at=None)
    server.reload()
    with server.connect() as client:
        client.ehlo()
        assert outside(client, "scanner@contoso.example") == "550 5.7.1"


def test_two_tenants_behind_one_address_are_told_apart_by_the_sender(printer: ReceiveConnector, server: Server) -> None:
    other = factories.make_tenant("fabrikam")
    factories.make_domain(other, "fabrikam.example")
    factories.make_receive_connector(other, remote_ranges=["127.0.0.0/24"], approved_at=timezone.now())
    server.reload()
    with server.connect() as client:
        client.ehlo()
        for sender in ("scanner@contoso.example", "scanner@fabrikam.example"):
            assert outside(client, sender) == "250 2.1.5"
            client.data(CONTENT)
    assert sorted(message.tenant.slug for message in Message.objects.all()) == ["contoso", "fabrikam"]
