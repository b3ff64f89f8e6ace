"""Machines that relay by the certificate that they show: asked for where a permission goes by one, never required."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.utils import timezone

from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server, tls_context
from transport.models import Message, ReceiveConnector
from transport.smtpd.certificate import make_self_signed
from transport.smtpd.client_certificates import fingerprints

pytestmark = pytest.mark.django_db(transaction=True)


class Machine:
    """A client with a certificate that nobody vouches for."""

    def __init__(self, folder: Path, name: str) -> None:
        self.files = folder / f"{name}.crt", folder / f"{name}.key"
        make_self_signed(*self.files, f"{name}.contoso.example")

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.files[0].read_text())

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @property
    def key_fingerprint(self) -> str:
        key = x509.load_der_x509_certificate(self.der).public_key()
        encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(encoded).hexdigest()

    def context(self, **changes: Any) -> ssl.SSLContext:
        context = tls_context()
        context.load_cert_chain(*self.files)
        for name, value in changes.items():
            setattr(context, name, value)
        return context


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, "printer")


@pytest.fixture
def printer(alice: Contoso, machine: Machine) -> ReceiveConnector:
    return factories.make_receive_connector(
        alice.tenant, name="Printers", remote_ranges=[], certificate_fingerprints=[machine.fingerprint]
    )


def starting_tls(server: Server, context: ssl.SSLContext | None, name: str | None = None) -> Client:
    """Return a client that has changed to TLS at relay-in, and has greeted."""
    client = server.connect()
    client.ehlo()
    assert client.say("STARTTLS").startswith("220")
    client.socket = (context or tls_context()).wrap_socket(client.socket, server_hostname=name)
    client._file = client.socket.makefile("rb")
    client.ehlo()
    return client


def outside(client: Client, sender: str = "scanner@contoso.example") -> str:
    client.say("RSET")
    assert client.say(f"MAIL FROM:<{sender}>").startswith("250")
    return client.say("RCPT TO:<z@elsewhere.example>")[:9]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_shows_the_certificate_relays_under_its_tenants_domain(
    printer: ReceiveConnector, server: Server, machine: Machine, version: ssl.TLSVersion
) -> None:
    with starting_tls(server, machine.context(maximum_version=version)) as client:
        assert outside(client, "x@elsewhere.example") == "550 5.7.1"
        assert outside(client) == "250 2.1.5"
        assert client.data(CONTENT).startswith("250 2.6.0")
    message = Message.objects.get()
    assert (message.origin, message.receive_connector, message.tenant_id) == ("relay", "Printers", printer.tenant_id)
    assert "the client showed one of its certificates" in str(message.trace)


def test_the_public_key_will_do_and_so_will_tls_from_the_first_byte(
    printer: ReceiveConnector, server: Server, machine: Machine, connectors: dict[str, ReceiveConnector]
) -> None:
    ReceiveConnector.objects.filter(pk=printer.pk).update(
        certificate_fingerprints=[machine.key_fingerprint], bindings=["submissions"]
    )
    server.reload()
    with starting_tls(server, machine.context()) as client:
        assert outside(client) == "550 5.7.1", "it counts where it is bound to"
    with Client(server.ports["submissions"], tls=machine.context()) as client:
        client.ehlo()
        assert outside(client) == "250 2.1.5"


def test_who_shows_none_or_another_is_a_stranger_and_fails_for_nothing(
    printer: ReceiveConnector, server: Server, tmp_path: Path
) -> None:
    for context in (None, Machine(tmp_path, "stranger").context()):
        with starting_tls(server, context) as client:
            assert outside(client) == "550 5.7.1"
            assert client.say("RCPT TO:<bob@contoso.example>").startswith("250")
            assert client.data(CONTENT).startswith("250")
    assert {message.origin for message in Message.objects.all()} == {"anonymous"}


def test_it_works_with_a_certificate_of_ours_for_the_name_that_is_asked_for(
    printer: ReceiveConnector, server: Server, machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "certificates"
    make_self_signed(folder / "fabrikam.crt", folder / "fabrikam.key", "mail.fabrikam.example")
    server.daemon.service.certificate.refresh()
    for context, reply in ((machine.context(), "250 2.1.5"), (Machine(tmp_path, "x").context(), "550 5.7.1")):
        with starting_tls(server, context, "mail.fabrikam.example") as client:
            assert outside(client) == reply


def test_nobody_is_asked_where_no_permission_goes_by_certificate(
    server: Server, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = server.daemon.service.certificate
    monkeypatch.setattr(certificate, "asking", None)  # who uses it fails
    with starting_tls(server, machine.context()) as client:
        assert outside(client) == "550 5.7.1"


def test_a_resumed_session_is_still_the_machines(printer: ReceiveConnector, server: Server, machine: Machine) -> None:
    context = machine.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    with starting_tls(server, context) as client:
        assert outside(client) == "250 2.1.5"
        session = client.socket.session  # type: ignore[attr-defined]
    with server.connect() as client:
        client.ehlo()
        client.say("STARTTLS")
        client.socket = context.wrap_socket(client.socket, session=session)
        client._file = client.socket.makefile("rb")
        client.ehlo()
        assert client.socket.session_reused
        assert outside(client) == "250 2.1.5"


def test_it_comes_before_an_address_and_counts_no_more_once_it_is_taken_away(
    printer: ReceiveConnector, alice: Contoso, server: Server, machine: Machine
) -> None:
    factories.make_receive_connector(
        alice.tenant, name="By address", remote_ranges=["127.0.0.1/32"], approved_at=timezone.now()
    )
    server.reload()
    with starting_tls(server, machine.context()) as client:
        assert outside(client) == "250 2.1.5"
        client.data(CONTENT)
        ReceiveConnector.objects.filter(pk=printer.pk).update(certificate_fingerprints=[])
        server.reload()
        assert outside(client) == "250 2.1.5"
        client.data(CONTENT)
    found = Message.objects.order_by("id").values_list("receive_connector", flat=True)
    assert list(found) == ["Printers", "By address"]


def test_what_is_no_certificate_has_a_fingerprint_all_the_same() -> None:
    assert fingerprints(b"nonsense") == {hashlib.sha256(b"nonsense").hexdigest()}
