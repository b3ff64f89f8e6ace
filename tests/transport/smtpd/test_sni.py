"""One certificate for each name that clients ask for, taken up without a restart (RFC 6066 3)."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path

import pytest

from tests.transport.smtpd.conftest import Server
from transport.smtpd.certificate import make_self_signed, names_of

pytestmark = pytest.mark.django_db(transaction=True)


def shown(server: Server, name: str, *, implicit: bool = False) -> tuple[str, ...]:
    """Return the names in the certificate that a client sees who asks for this one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    kind = "submissions" if implicit else "smtp"
    if implicit:
        client: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", server.ports[kind], timeout=15, context=context)
    else:
        client = smtplib.SMTP("127.0.0.1", server.ports[kind], timeout=15)
    client._host = name  # type: ignore[attr-defined]
    with client:
        if not implicit:
            client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        certificate = client.sock.getpeercert(binary_form=True)
    assert certificate
    return names_of(ssl.DER_cert_to_PEM_cert(certificate).encode())


def test_a_client_is_shown_the_certificate_of_the_name_it_asks_for(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    assert shown(server, "mail.fabrikam.example") == ("mail.contoso.example",)
    make_self_signed(folder / "fabrikam.crt", folder / "fabrikam.key", "mail.fabrikam.example")
    make_self_signed(folder / "any.crt", folder / "any.key", "*.tailspin.example")
    (folder / "broken.crt").write_text("nonsense")
    (folder / "broken.key").write_text("nonsense")
    server.wait_until(lambda: shown(server, "mail.fabrikam.example") == ("mail.fabrikam.example",), timeout=5)
    assert shown(server, "MX1.Tailspin.Example") == ("*.tailspin.example",)
    assert shown(server, "elsewhere.example") == ("mail.contoso.example",)
    (folder / "fabrikam.crt").unlink()
    server.wait_until(lambda: shown(server, "mail.fabrikam.example") == ("mail.contoso.example",), timeout=5)


def test_a_renewed_certificate_is_shown_without_a_restart(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    with server.connect() as client:
        client.start_tls()
        make_self_signed(folder / "smtp.crt", folder / "smtp.key", "renewed.contoso.example")
        server.wait_until(lambda: shown(server, "x.example") == ("renewed.contoso.example",), timeout=5)
        assert client.say("NOOP") == "250 2.0.0 OK"
