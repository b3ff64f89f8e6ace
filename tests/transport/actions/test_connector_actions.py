"""Connectors through their actions: valid address spaces and costs, secrets never readable, ranges narrow."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tenants.actions.actor import SYSTEM, Actor
from tenants.models import AuditEvent
from tenants.problems import Problem
from tenants.secrets import decrypt
from tests import factories
from tests.conftest import Contoso
from tests.expect import refused
from transport.actions.receive_connectors import (
    approve_receive_connector,
    change_receive_connector,
    create_receive_connector,
    ensure_default_receive_connectors,
    renew_relay_password,
    withdraw_relay_password,
)
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_internet_connector,
    create_send_connector,
    delete_send_connector,
)
from transport.models import AddressSpace, ReceiveConnector, SendConnector

pytestmark = pytest.mark.django_db
ADMIN = Actor("user", "1", "alice@contoso.example")


def test_the_internet_connector_covers_every_address_at_cost_1(contoso: Contoso) -> None:
    connector = create_internet_connector(actor=ADMIN, tenant=contoso.tenant)
    assert [str(space) for space in connector.address_spaces.all()] == ["SMTP:*;1"]


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [("*", "*"), ("SMTP:Contoso.com", "contoso.com"), ("*.bücher.example", "*.xn--bcher-kva.example")],
)
def test_address_spaces_are_kept_in_one_form(contoso: Contoso, pattern: str, kept: str) -> None:
    create_send_connector(actor=ADMIN, tenant=contoso.tenant, name="a", address_spaces=[SpaceInput(pattern)])
    assert AddressSpace.objects.get().pattern == kept


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"address_spaces": [SpaceInput("*contoso.com")]}, "connector.invalid_space"),
        ({"address_spaces": [SpaceInput("a b")]}, "connector.invalid_space"),
        ({"address_spaces": []}, "connector.no_space"),
        ({"address_spaces": [SpaceInput("*", 0)]}, "connector.invalid_cost"),
        ({"address_spaces": [SpaceInput("*", 101)]}, "connector.invalid_cost"),
        ({"address_spaces": [SpaceInput("*"), SpaceInput("*", 2)]}, "connector.space_twice"),
        ({"routing": "smart_hosts"}, "connector.no_smart_host"),
        ({"auth": "basic", "username": "u"}, "connector.no_password"),
        ({"auth": "basic"}, "connector.no_user_name"),
        ({"port": 0}, "connector.invalid_port"),
        ({"fqdn": "not a name"}, "domain.invalid"),
        ({"tls": "sometimes"}, "connector.invalid_choice"),
        ({"smart_hosts": [HostInput("relay.example", 70000)]}, "connector.invalid_port"),
    ],
)
def test_nonsense_is_refused_with_its_reason(contoso: Contoso, fields: dict[str, Any], code: str) -> None:
    fields = {"address_spaces": [SpaceInput("*")]} | fields
    with refused(code):
        create_send_connector(actor=ADMIN, tenant=contoso.tenant, name="a", **fields)


def test_a_password_is_encrypted_at_rest_and_absent_from_the_audit_log(contoso: Contoso) -> None:
    connector = create_send_connector(
        actor=ADMIN,
        tenant=contoso.tenant,
        name="a",
        address_spaces=[SpaceInput("*")],
        auth="basic",
        username="u",
        password="canary-secret",
    )
    connector.refresh_from_db()
    assert b"canary" not in bytes(connector.password_encrypted or b"")
    assert decrypt(bytes(connector.password_encrypted or b"")) == "canary-secret"
    assert "canary" not in str([(event.before, event.after) for event in AuditEvent.objects.all()])


def test_every_change_raises_the_configuration_version(contoso: Contoso) -> None:
    def version() -> int:
        contoso.tenant.refresh_from_db()
        return contoso.tenant.config_version

    versions = [version()]
    connector = create_internet_connector(actor=ADMIN, tenant=contoso.tenant)
    versions.append(version())
    change_send_connector(actor=ADMIN, connector=connector, enabled=False)
    versions.append(version())
    delete_send_connector(actor=ADMIN, connector=connector)
    versions.append(version())
    assert versions == sorted(set(versions))
    assert not SendConnector.objects.exists()


def test_a_fresh_platform_gets_its_three_listeners_once() -> None:
    ensure_default_receive_connectors(actor=SYSTEM)
    ensure_default_receive_connectors(actor=SYSTEM)
    assert ReceiveConnector.objects.count() == 3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("10.0.0.0/8", "receive_connector.range_too_wide"),
        ("10.0.0.1/24", "receive_connector.invalid_range"),
        ("x", "receive_connector.invalid_range"),
    ],
)
def test_a_tenants_ranges_are_narrow_and_valid(contoso: Contoso, text: str, code: str) -> None:
    with refused(code):
        create_receive_connector(actor=ADMIN, tenant=contoso.tenant, name="printer", remote_ranges=[text])


def test_a_tenant_cannot_grant_itself_rights(contoso: Contoso) -> None:
    with refused("api.unknown_field"):
        create_receive_connector(
            actor=ADMIN,
            tenant=contoso.tenant,
            name="printer",
            remote_ranges=["192.0.2.7/32"],
            permissions=["accept_any_recipient"],
        )


def test_new_ranges_wait_for_approval_again(contoso: Contoso) -> None:
    connector = create_receive_connector(
        actor=ADMIN, tenant=contoso.tenant, name="printer", remote_ranges=["192.0.2.7/32"]
    )
    approve_receive_connector(actor=Actor("operator", "2", "op"), connector=connector)
    change_receive_connector(actor=ADMIN, connector=connector, remote_ranges=["192.0.2.0/24"])
    connector.refresh_from_db()
    assert connector.approved_at is None


OPERATOR = Actor("operator", "2", "op")


def make_listener(name: str, *ranges: str, **fields: Any) -> ReceiveConnector:
    return create_receive_connector(
        actor=OPERATOR, tenant=None, name=name, remote_ranges=list(ranges), **{"bindings": ["smtp"], **fields}
    )


@pytest.mark.parametrize("ranges", ["192.0.2.0/24", "192.0.2.128-192.0.3.5"])
def test_ranges_that_leave_it_open_who_answers_are_refused_by_name(settings: Any, ranges: str) -> None:
    make_listener("Wide", "192.0.2.0/24")
    with refused("receive_connector.overlap") as told:
        make_listener("Other", ranges)
    assert {told.value.facts["first"], told.value.facts["second"]} == {"Wide", "Other"}
    # The same port by its number is the same binding; a range within, another port, or a disabled one are well.
    with refused("receive_connector.overlap"):
        make_listener("Other", ranges, bindings=[f"{settings.POSTROOM_BIND}:{settings.POSTROOM_SMTP_PORT}"])
    make_listener("Within", "192.0.2.7")
    make_listener("Elsewhere", ranges, bindings=["submission"])
    disabled = make_listener("Disabled", ranges, enabled=False)
    with refused("receive_connector.overlap"):
        change_receive_connector(actor=OPERATOR, connector=disabled, enabled=True)


def test_relay_permissions_of_a_tenant_that_claim_the_same_are_refused_by_name(contoso: Contoso) -> None:
    def make(name: str, *ranges: str, **fields: Any) -> ReceiveConnector:
        return create_receive_connector(
            actor=ADMIN, tenant=contoso.tenant, name=name, remote_ranges=list(ranges), **fields
        )

    make("Printers", "192.0.2.7", senders=["scanner@contoso.example"])
    with refused("receive_connector.relay_overlap") as told:
        make("Others", "192.0.2.7")
    assert {told.value.facts["first"], told.value.facts["second"]} == {"Printers", "Others"}
    with refused("receive_connector.relay_overlap"):
        make("Others", "192.0.2.7", senders=["contoso.example"])
    make("Shop", "192.0.2.7", senders=["Shop@Contoso.example"])
    make("Wide", "192.0.2.0/24")
    assert ReceiveConnector.objects.get(name="Shop").senders == ["shop@contoso.example"]


@pytest.mark.parametrize(
    ("mechanisms", "groups", "code"),
    [
        (["basic_auth_require_tls"], ["exchange_users"], "receive_connector.mechanism_needs"),
        (["external_authoritative", "tls"], ["anonymous_users"], "receive_connector.mechanism_needs_group"),
        (["external_authoritative", "basic_auth"], ["exchange_servers"], "receive_connector.mechanism_alone"),
        (["tls"], ["partners"], "connector.invalid_choice"),
    ],
)
def test_mechanisms_that_contradict_each_other_are_refused(mechanisms: list[str], groups: list[str], code: str) -> None:
    with refused(code):
        make_listener("X", "192.0.2.0/24", auth_mechanisms=mechanisms, permission_groups=groups)


def test_a_password_of_a_permission_is_shown_once_and_kept_nowhere(contoso: Contoso) -> None:
    connector = create_receive_connector(actor=ADMIN, tenant=contoso.tenant, name="Shop")
    password = renew_relay_password(actor=ADMIN, connector=connector)
    connector.refresh_from_db()
    assert connector.user_name
    assert connector.verifier.startswith("SCRAM-SHA-256$")
    events = AuditEvent.objects.filter(object_id=str(connector.pk))
    told = str([(event.before, event.after) for event in events])
    assert connector.user_name in told
    assert password not in told
    assert connector.verifier not in told
    withdraw_relay_password(actor=ADMIN, connector=connector)
    assert ReceiveConnector.objects.filter(pk=connector.pk, user_name=None, verifier="").exists()


@pytest.mark.parametrize("sender", ["", "x@", "two words", "@"])
def test_a_sender_is_an_address_or_a_domain(contoso: Contoso, sender: str) -> None:
    with pytest.raises(Problem):
        create_receive_connector(actor=ADMIN, tenant=contoso.tenant, name="Shop", senders=[sender])


@pytest.mark.parametrize(
    ("host", "port", "is_ours"),
    [
        ("mail.contoso.example", None, True),
        ("Mail.Contoso.Example", 2525, True),
        ("mail.contoso.example", 587, True),
        ("127.0.0.1", 2525, True),
        ("[127.0.0.9]", 2587, True),
        ("::1", 2465, True),
        ("192.0.2.9", 2626, True),
        ("127.0.0.1", 2626, True),
        ("192.0.2.9", 25, False),
        ("127.0.0.1", 25, False),
        ("mail.contoso.example", 2700, False),
        ("relay.example", 2525, False),
    ],
)
def test_a_smart_host_that_is_our_own_listener_is_refused(
    contoso: Contoso, settings: Settings, host: str, port: int | None, is_ours: bool
) -> None:
    settings.POSTROOM_HOSTNAME = "mail.contoso.example"
    settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8", "::1/128", "192.0.2.0/24"]
    factories.make_receive_connector(bindings=["192.0.2.9:2626"])
    fields: dict[str, Any] = {
        "name": "a",
        "address_spaces": [SpaceInput("*")],
        "routing": "smart_hosts",
        "smart_hosts": [HostInput(host, port)],
    }
    if not is_ours:
        create_send_connector(actor=ADMIN, tenant=contoso.tenant, **fields)
        return
    with refused("connector.loop"):
        create_send_connector(actor=ADMIN, tenant=contoso.tenant, **fields)


def test_a_change_of_the_port_alone_can_make_a_loop(contoso: Contoso, settings: Settings) -> None:
    settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    connector = create_send_connector(
        actor=ADMIN,
        tenant=contoso.tenant,
        name="a",
        address_spaces=[SpaceInput("*")],
        routing="smart_hosts",
        smart_hosts=[HostInput("127.0.0.1")],
    )
    with refused("connector.loop"):
        change_send_connector(actor=ADMIN, connector=connector, port=settings.POSTROOM_SMTP_PORT)
