"""Changes take effect within two seconds, told by NOTIFY or not; listeners come and go with their connectors."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from tenants.models import AcceptedDomain, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server, free_port
from transport.models import Heartbeat, ReceiveConnector, RelayRefusal
from transport.smtpd import watch
from transport.smtpd.inherited import InheritedListener

pytestmark = pytest.mark.django_db(transaction=True)


def answer_for(server: Server, recipient: str) -> str:
    with server.connect() as client:
        client.ehlo()
        client.say("MAIL FROM:<x@y.example>")
        return client.say(f"RCPT TO:<{recipient}>")[:9]


def bump(tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(config_version=F("config_version") + 1)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_new_domain_is_known_within_two_seconds(alice: Contoso, server: Server, is_told: bool) -> None:
    assert answer_for(server, "ann@new.example") == "550 5.7.1"
    factories.make_mailbox(factories.make_domain(alice.tenant, "new.example"), "ann")
    bump(alice.tenant)
    if is_told:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('postroom_config', %s)", [str(alice.tenant.pk)])
    server.wait_until(lambda: answer_for(server, "ann@new.example") == "250 2.1.5", timeout=2)


def test_a_domain_that_is_gone_is_refused_again(alice: Contoso, server: Server) -> None:
    assert answer_for(server, "bob@contoso.example") == "250 2.1.5"
    AcceptedDomain.objects.filter(domain="contoso.example").update(verified_at=None)
    bump(alice.tenant)
    server.wait_until(lambda: answer_for(server, "bob@contoso.example") == "550 5.7.1", timeout=2)


def test_a_notice_that_makes_no_sense_does_no_harm(server: Server) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('postroom_config', 'nonsense')")
    server.reload()
    assert answer_for(server, "bob@contoso.example") == "250 2.1.5"


def test_a_connector_opens_and_closes_its_listener_while_the_daemon_runs(server: Server) -> None:
    port = free_port()
    connector = factories.make_receive_connector(
        name="Extra", bindings=[f"127.0.0.1:{port}"], permission_groups=["anonymous_users"], fqdn="extra.example"
    )
    server.reload()
    with Client(port) as client:
        assert client.greeting.startswith("220 extra.example")
    ReceiveConnector.objects.filter(pk=connector.pk).update(enabled=False)
    server.reload()
    with pytest.raises(ConnectionRefusedError):
        Client(port)


def test_a_binding_that_cannot_be_had_silences_no_other(server: Server) -> None:
    factories.make_receive_connector(name="Elsewhere", bindings=["192.0.2.1:25"])
    factories.make_receive_connector(name="Nonsense", bindings=["nonsense"], remote_ranges=["nonsense"])
    server.reload()
    assert answer_for(server, "bob@contoso.example") == "250 2.1.5"


def test_the_most_specific_range_decides_which_connector_answers(server: Server) -> None:
    factories.make_receive_connector(
        name="Narrow", remote_ranges=["127.0.0.0/24"], permission_groups=["anonymous_users"], banner="220 narrow"
    )
    server.reload()
    with server.connect() as client:
        assert client.greeting == "220 narrow"


def test_inherited_sockets_serve_the_binding_they_were_made_for(
    alice: Contoso, make_server: Callable[..., Server]
) -> None:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        item = InheritedListener("smtp", "127.0.0.1", port, socket.dup(listening.fileno()))
        server = make_server(ports={"smtp": port}, inherited=[item])
        assert answer_for(server, "bob@contoso.example") == "250 2.1.5"
        server.stop()
        # The supervisor still has it: who comes now waits for our successor instead of being refused.
        with closing(socket.create_connection(("127.0.0.1", port), timeout=5)):
            pass


@pytest.mark.slow  # they are written every two seconds
def test_refused_relays_are_counted_and_the_heart_beats(server: Server) -> None:
    for _ in range(2):
        assert answer_for(server, "z@elsewhere.example") == "550 5.7.1"
    server.wait_until(lambda: sum(RelayRefusal.objects.values_list("count", flat=True)) == 2, timeout=5)
    refusal = RelayRefusal.objects.latest("at")
    assert (refusal.domain, refusal.sender, refusal.recipient) == (
        "elsewhere.example",
        "x@y.example",
        "z@elsewhere.example",
    )
    assert Heartbeat.objects.get(kind="smtpd").process.startswith("smtpd/")


def test_a_tenant_that_falls_out_of_the_cache_within_a_transaction_gets_its_message(server: Server) -> None:
    configuration = server.daemon.service.configuration

    async def push_out() -> None:
        """Forget as `make_room` does, when other tenants need the room."""
        configuration.tenants.clear()
        configuration.terms.clear()

    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        server.call(push_out())
        assert client.data(CONTENT).startswith("250 2.6.0")


def test_a_watch_that_hangs_is_begun_anew(alice: Contoso, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    read_versions = watch.Watch._read_versions
    hanging: list[Any] = []

    async def hang_once(self: watch.Watch, connection: Any) -> Any:
        if not hanging:
            hanging.append(connection)
            await asyncio.get_running_loop().create_future()
        return await read_versions(self, connection)

    assert answer_for(server, "ann@new.example") == "550 5.7.1"
    monkeypatch.setattr(watch, "PATIENCE", 1.5)
    monkeypatch.setattr(watch.Watch, "_read_versions", hang_once)
    server.wait_until(lambda: hanging)
    factories.make_mailbox(factories.make_domain(alice.tenant, "new.example"), "ann")
    bump(alice.tenant)
    server.wait_until(lambda: answer_for(server, "ann@new.example") == "250 2.1.5", timeout=30)
    assert hanging[0].closed
