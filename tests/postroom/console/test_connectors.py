from __future__ import annotations

import ssl
from hashlib import sha256
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.models import ReceiveConnector, SendConnector
from transport.smtpd.certificate import make_self_signed

NEW = {
    "name": "Partner",
    "spaces": "*.partner.example 5\nSMTP:other.example;7",
    "routing": "smart_hosts",
    "hosts": "relay.partner.example:2525\n[2606:4700::1]",
    "fqdn": "mail.contoso.example",
    "enabled": "on",
    "tls": "opportunistic",
    "port": "25",
    "auth": "none",
    "max_size_mb": "10",
}


def test_a_send_connector_is_made_from_lines_of_text(contoso: Contoso, as_alice: Client) -> None:
    assert as_alice.post("/send-connectors/new/", NEW).headers["Location"] == "/send-connectors/"
    row = SendConnector.objects.get(tenant=contoso.tenant)
    assert [str(space) for space in row.address_spaces.all()] == ["SMTP:*.partner.example;5", "SMTP:other.example;7"]
    assert [(host.host, host.port) for host in row.smart_hosts.all()] == [
        ("relay.partner.example", 2525),
        ("2606:4700::1", None),
    ]
    assert row.max_message_size == 10 * 1024 * 1024
    assert "relay.partner.example:2525" in page(as_alice.get(f"/send-connectors/{row.pk}/"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spaces": "*partner.example"}, "cannot be an address space"),
        ({"spaces": "* many"}, "the cost is a whole number"),
        ({"spaces": "* 101"}, "from 1 to 100"),
        ({"hosts": ""}, "at least one"),
        ({"fqdn": "not a name"}, "not a name"),
        ({"auth": "basic"}, ""),
    ],
)
def test_what_is_wrong_with_a_send_connector_is_said(
    contoso: Contoso, as_alice: Client, changes: dict[str, str], words: str
) -> None:
    response = as_alice.post("/send-connectors/new/", NEW | changes)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not SendConnector.objects.exists()


def test_a_send_connector_is_changed_switched_and_removed(contoso: Contoso, as_alice: Client) -> None:
    row = factories.make_send_connector(contoso.tenant, name="Internet")
    fields = NEW | {"routing": "dns", "hosts": "", "spaces": "*", "name": "Internet", "fqdn": "mx.contoso.example"}
    as_alice.post(f"/send-connectors/{row.pk}/", fields)
    as_alice.post(f"/send-connectors/{row.pk}/enable/", {"enabled": "0"})
    row.refresh_from_db()
    assert (row.fqdn, row.enabled) == ("mx.contoso.example", False)
    as_alice.post(f"/send-connectors/{row.pk}/enable/")
    row.refresh_from_db()
    assert row.enabled
    as_alice.post(f"/send-connectors/{row.pk}/delete/")
    assert not SendConnector.objects.exists()


def test_the_one_click_connector_is_not_made_twice(contoso: Contoso, as_alice: Client) -> None:
    as_alice.post("/send-connectors/internet/")
    text = page(as_alice.post("/send-connectors/internet/", follow=True))
    assert "has the name “Internet”" in text
    assert SendConnector.objects.count() == 1


def test_a_password_is_kept_where_none_is_typed_and_never_shown(contoso: Contoso, as_alice: Client) -> None:
    fields = NEW | {"auth": "basic_require_tls", "username": "me", "password": "s3cret-word"}
    as_alice.post("/send-connectors/new/", fields)
    row = SendConnector.objects.get()
    kept = bytes(row.password_encrypted or b"")
    assert "s3cret-word" not in page(as_alice.get(f"/send-connectors/{row.pk}/"))
    as_alice.post(f"/send-connectors/{row.pk}/", fields | {"password": "", "comment": "new"})
    row.refresh_from_db()
    assert (bytes(row.password_encrypted or b""), row.comment) == (kept, "new")
    assert "s3cret-word" not in page(as_alice.get("/audit/"))


def test_a_relay_permission_waits_for_approval(contoso: Contoso, as_alice: Client) -> None:
    fields = {"name": "Printers", "ranges": "192.0.2.7\n2001:db8::/64", "max_size_mb": "5", "enabled": "on"}
    as_alice.post("/receive-connectors/new/", fields)
    row = ReceiveConnector.objects.get(tenant=contoso.tenant)
    assert row.remote_ranges == ["192.0.2.7", "2001:db8::/64"]
    assert "approval" in page(as_alice.get("/receive-connectors/"))


@pytest.mark.parametrize("ranges", ["10.0.0.0/8", "everywhere"])
def test_a_range_that_is_too_wide_or_none_is_refused(contoso: Contoso, as_alice: Client, ranges: str) -> None:
    fields = {"name": "Printers", "ranges": ranges, "max_size_mb": "5"}
    assert as_alice.post("/receive-connectors/new/", fields).status_code == 422
    assert not ReceiveConnector.objects.filter(tenant=contoso.tenant).exists()


def test_the_operators_listeners_are_not_a_tenants_business(contoso: Contoso, as_alice: Client) -> None:
    row = factories.make_receive_connector(None, name="Default Frontend", comment="of no interest")
    factories.make_receive_connector(None, name="For fabrikam", remote_ranges=["192.0.2.0/24"])
    shown = page(as_alice.get("/receive-connectors/"))
    assert "Default Frontend" in shown, "where the platform listens is public"
    assert "of no interest" not in shown
    assert "For fabrikam" not in shown
    assert as_alice.get(f"/receive-connectors/{row.pk}/").status_code == 404


def test_new_ranges_wait_for_an_operator_again(contoso: Contoso, as_alice: Client) -> None:
    approved = factories.make_receive_connector(
        contoso.tenant, remote_ranges=["192.0.2.0/28"], approved_at=timezone.now()
    )
    body = {"name": approved.name, "ranges": "198.51.100.1", "max_size_mb": 10, "enabled": "on"}
    assert as_alice.post(f"/receive-connectors/{approved.pk}/", body).status_code == 302
    row = ReceiveConnector.objects.get(pk=approved.pk)
    assert (row.remote_ranges, row.approved_at) == (["198.51.100.1"], None)


# Receive connectors ------------------------------------------------------------------------------------------


@pytest.fixture
def listener(contoso: Contoso) -> ReceiveConnector:
    return factories.make_receive_connector(
        name="Front", bindings=["smtp"], auth_mechanisms=["tls"], permission_groups=["anonymous_users"]
    )


def test_a_relay_permission_names_senders_and_limits(contoso: Contoso, as_alice: Client) -> None:
    body = {"name": "Shop", "ranges": "192.0.2.7", "senders": "Shop@contoso.example\nprints.example", "rate": "60"}
    as_alice.post("/receive-connectors/new/", body | {"max_size_mb": "5", "enabled": "on"})
    row = ReceiveConnector.objects.get(tenant=contoso.tenant)
    assert (row.senders, row.message_rate_limit) == (["shop@contoso.example", "prints.example"], 60)
    shown = page(as_alice.get(f"/receive-connectors/{row.pk}/"))
    assert "prints.example" in shown
    answer = as_alice.post("/receive-connectors/new/", body | {"name": "Other", "max_size_mb": "5", "enabled": "on"})
    assert answer.status_code == 422
    assert "“Other” and “Shop” both take 192.0.2.7" in answer.content.decode()


def test_an_approved_permission_takes_new_ranges_and_waits_again(contoso: Contoso, as_alice: Client) -> None:
    row = factories.make_receive_connector(
        contoso.tenant, name="P", remote_ranges=["192.0.2.7"], approved_at=timezone.now()
    )
    body = {"name": "P", "ranges": "192.0.2.8", "max_size_mb": "5", "enabled": "on"}
    assert as_alice.post(f"/receive-connectors/{row.pk}/", body).status_code == 302
    row.refresh_from_db()
    assert (row.remote_ranges, row.approved_at) == (["192.0.2.8"], None)


def test_a_log_in_is_shown_once_and_can_be_taken_away(contoso: Contoso, as_alice: Client) -> None:
    body = {"name": "Cloud", "ranges": "", "max_size_mb": "5", "enabled": "on"}
    made = as_alice.post("/receive-connectors/new/", body)
    path = made.headers["Location"]
    once = as_alice.post(f"{path}password/")
    row = ReceiveConnector.objects.get(name="Cloud")
    assert str(row.user_name) in page(once)
    assert once.headers["Cache-Control"] == "no-store"
    password = page(once).split("Password</dt><dd><code>")[1].split("<")[0]
    assert len(password) == 20
    assert password not in page(as_alice.get(path))
    as_alice.post(f"{path}password/", {"withdraw": "1"})
    row.refresh_from_db()
    assert row.user_name is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"address": "203.0.113.7"}, ["may send to addresses here, and to nobody else", "Front"]),
        ({"address": "192.0.2.7", "sender": "scanner@contoso.example"}, ["may send to everybody", "Printers"]),
        ({"address": "192.0.2.7", "sender": "x@elsewhere.example"}, ["not on a verified domain", "to nobody else"]),
        ({"address": "203.0.113.7", "user": "alice@contoso.example"}, ["This listener offers no log-in"]),
        ({"address": "nonsense"}, ["valid IPv4 or IPv6 address"]),
    ],
)
def test_the_tester_says_what_a_client_may_do_and_why(
    contoso: Contoso, as_alice: Client, listener: ReceiveConnector, query: dict[str, str], words: list[str]
) -> None:
    factories.make_receive_connector(
        contoso.tenant, name="Printers", remote_ranges=["192.0.2.0/24"], approved_at=timezone.now()
    )
    shown = page(as_alice.get("/receive-connectors/test/", query))
    for word in words:
        assert word in shown


def test_the_tester_tells_nothing_of_other_organisations(as_alice: Client, listener: ReceiveConnector) -> None:
    other = factories.make_tenant("fabrikam")
    domain = factories.make_domain(other, "fabrikam.example")
    factories.make_mailbox(domain, "dora")
    factories.make_receive_connector(
        other, name="Secret printer", remote_ranges=["192.0.2.7"], approved_at=timezone.now()
    )
    factories.make_receive_connector(
        name="Users",
        bindings=["submission"],
        auth_mechanisms=["tls", "basic_auth"],
        permission_groups=["exchange_users"],
    )
    query = {"address": "192.0.2.7", "sender": "dora@fabrikam.example"}
    shown = page(as_alice.get("/receive-connectors/test/", query))
    assert "Secret printer" not in shown
    assert "to nobody else" in shown
    unknown = {"address": "192.0.2.7", "port": "2587"}
    told = {
        user: page(as_alice.get("/receive-connectors/test/", unknown | {"user": user}))
        for user in ("dora@fabrikam.example", "none@fabrikam.example")
    }
    assert all("User name or password is wrong" in text for text in told.values())


def test_the_list_names_the_listeners_of_the_platform(as_alice: Client, listener: ReceiveConnector) -> None:
    assert "Front" in page(as_alice.get("/receive-connectors/"))


def test_certificates_are_taken_as_fingerprints_or_as_they_are(
    contoso: Contoso, as_alice: Client, tmp_path: Path
) -> None:
    make_self_signed(tmp_path / "a.crt", tmp_path / "a.key", "scanner.contoso.example")
    pem = (tmp_path / "a.crt").read_text()
    body = {"name": "Scanner", "certificates": f"{'AB' * 32}\n{pem}", "max_size_mb": "5", "enabled": "on"}
    assert as_alice.post("/receive-connectors/new/", body).headers["Location"] == "/receive-connectors/"
    row = ReceiveConnector.objects.get(name="Scanner")
    assert row.certificate_fingerprints == [sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest(), "ab" * 32]
    assert "ab" * 8 in page(as_alice.get("/receive-connectors/"))
    assert "ab" * 32 in page(as_alice.get(f"/receive-connectors/{row.pk}/"))
    answer = as_alice.post("/receive-connectors/new/", body | {"name": "Other", "certificates": "nonsense"})
    assert answer.status_code == 422
    assert "“nonsense” names no certificate" in answer.content.decode()
