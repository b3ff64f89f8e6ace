"""Versions of configuration objects: kept with each change, compared over time, brought back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import ProgrammingError, connection
from django.utils import timezone

from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.domains import change_accepted_domain, create_accepted_domain, delete_accepted_domain
from tenants.actions.mailboxes import AddressInput, change_mailbox, delete_mailbox
from tenants.actions.tenants import change_tenant
from tenants.actions.versions import revert_to_version
from tenants.history import compare
from tenants.models import AcceptedDomain, AuditEvent, ConfigurationVersion, Mailbox, Tenant
from tenants.problems import Problem
from tenants.scope import operator_scope, scope
from tests import factories
from tests.conftest import Contoso
from transport.actions.receive_connectors import (
    approve_receive_connector,
    change_receive_connector,
    create_receive_connector,
    delete_receive_connector,
)
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_send_connector,
    delete_send_connector,
)
from transport.models import ReceiveConnector, SendConnector

pytestmark = pytest.mark.django_db


def connector_of(contoso: Contoso, **fields: object) -> SendConnector:
    hosts = [HostInput("relay.example", 587)]
    given = {"routing": "smart_hosts", "smart_hosts": hosts, "address_spaces": [SpaceInput("*", 1)], **fields}
    return create_send_connector(actor=SYSTEM, tenant=contoso.tenant, name="Internet", **given)  # type: ignore[arg-type]


def numbers(object_id: UUID) -> list[int]:
    rows = ConfigurationVersion.objects.filter(object_id=object_id).order_by("number")
    return [row.number for row in rows]


def version(object_id: UUID, number: int) -> ConfigurationVersion:
    return ConfigurationVersion.objects.get(object_id=object_id, number=number)


def picture(row: ConfigurationVersion) -> dict[str, Any]:
    assert isinstance(row.picture, dict)
    return row.picture


def test_each_change_of_a_connector_is_a_version_of_all_its_settings(contoso: Contoso) -> None:
    connector = connector_of(contoso)
    change_send_connector(actor=SYSTEM, connector=connector, smart_hosts=[HostInput("other.example")])
    delete_send_connector(actor=SYSTEM, connector=connector)
    first, second, third = ConfigurationVersion.objects.order_by("number")
    assert picture(first)["smart_hosts"] == [{"host": "relay.example", "port": 587}]
    assert picture(second)["smart_hosts"] == [{"host": "other.example", "port": None}]
    assert picture(second)["address_spaces"] == [{"pattern": "*", "cost": 1}]
    assert third.picture is None
    assert [row.action.partition(".")[2] for row in (first, second, third)] == ["create", "change", "delete"]


def test_a_change_that_changes_nothing_is_no_version(contoso: Contoso) -> None:
    connector = connector_of(contoso)
    change_send_connector(actor=SYSTEM, connector=connector, comment="")
    assert numbers(connector.pk) == [1]


def test_what_was_there_before_versions_were_kept_has_its_first_known_state(contoso: Contoso) -> None:
    """Rows of the factories are written past the actions, as those of an older release are."""
    change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, display_name="Robert")
    first, second = ConfigurationVersion.objects.order_by("number")
    assert (picture(first)["display_name"], picture(second)["display_name"]) == ("Bob", "Robert")
    assert (first.action, first.event_id) == ("configuration.found", None)
    assert first.at == contoso.bob_mailbox.created_at


def test_the_domain_that_loses_the_default_has_that_in_its_history(contoso: Contoso) -> None:
    domain = AcceptedDomain.objects.get()
    change_accepted_domain(actor=SYSTEM, domain=domain, is_default=True)
    create_accepted_domain(actor=SYSTEM, tenant=contoso.tenant, domain="second.example", is_default=True)
    assert [picture(version(domain.pk, n))["is_default"] for n in numbers(domain.pk)] == [False, True, False]
    event = AuditEvent.objects.filter(object_id=str(domain.pk)).latest("id")
    assert event.after is not None
    assert event.after["is_default"] is False


def test_a_reverted_connector_has_its_old_settings_and_its_present_password(contoso: Contoso) -> None:
    ann = Actor.user(contoso.alice)
    connector = connector_of(contoso, auth="basic", username="us", password="first secret")
    change_send_connector(
        actor=ann, connector=connector, smart_hosts=[HostInput("b.example")], name="Out", password="second secret"
    )
    kept = bytes(connector.password_encrypted or b"")
    with scope(contoso.tenant):
        revert_to_version(actor=ann, version=version(connector.pk, 1))
    row = SendConnector.objects.get()
    assert (row.name, [str(host) for host in row.smart_hosts.all()]) == ("Internet", ["relay.example:587"])
    assert bytes(row.password_encrypted or b"") == kept
    assert [str(space) for space in row.address_spaces.all()] == ["SMTP:*;1"]
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.action, event.reverted_to, event.actor_name) == ("send_connector.change", 1, "alice@contoso.example")
    assert version(connector.pk, 3).reverted_to == 1
    assert version(connector.pk, 3).picture == version(connector.pk, 1).picture


def test_a_removed_connector_comes_back_under_its_id(contoso: Contoso) -> None:
    connector = connector_of(contoso, connection_inactivity_timeout=timedelta(minutes=3))
    pk = connector.pk
    delete_send_connector(actor=SYSTEM, connector=connector)
    with scope(contoso.tenant):
        revert_to_version(actor=SYSTEM, version=version(pk, 1))
    row = SendConnector.objects.get()
    assert (row.pk, row.connection_inactivity_timeout) == (pk, timedelta(minutes=3))
    assert numbers(pk) == [1, 2, 3]


def test_a_removed_connector_with_a_log_in_comes_back_once_its_password_is_given(contoso: Contoso) -> None:
    connector = connector_of(contoso, auth="basic", username="us", password="first secret")
    pk = connector.pk
    delete_send_connector(actor=SYSTEM, connector=connector)
    with pytest.raises(Problem, match=r"connector\.no_password"):
        revert_to_version(actor=SYSTEM, version=version(pk, 1))
    revert_to_version(actor=SYSTEM, version=version(pk, 1), secret="third secret")
    assert SendConnector.objects.get().password_encrypted


def test_a_version_that_the_present_refuses_is_not_brought_back(contoso: Contoso) -> None:
    connector = connector_of(contoso)
    change_send_connector(actor=SYSTEM, connector=connector, name="Out")
    connector_of(contoso)
    with pytest.raises(Problem, match=r"connector\.name_taken"):
        revert_to_version(actor=SYSTEM, version=version(connector.pk, 1))


def test_a_removal_and_the_present_are_nothing_to_go_back_to(contoso: Contoso) -> None:
    connector = connector_of(contoso)
    pk = connector.pk
    with pytest.raises(Problem, match=r"version\.nothing_to_revert"):
        revert_to_version(actor=SYSTEM, version=version(pk, 1))
    delete_send_connector(actor=SYSTEM, connector=connector)
    with pytest.raises(Problem, match=r"version\.of_removal"):
        revert_to_version(actor=SYSTEM, version=version(pk, 2))


def test_mailboxes_domains_and_settings_of_the_tenant_go_back_too(contoso: Contoso) -> None:
    bob, tenant = contoso.bob_mailbox, contoso.tenant
    AcceptedDomain.objects.update(is_default=True)
    change_mailbox(
        actor=SYSTEM,
        mailbox=bob,
        addresses=[AddressInput("rob@contoso.example", True), AddressInput("r@contoso.example")],
    )
    change_tenant(actor=SYSTEM, tenant=tenant, time_zone="Asia/Tokyo", message_expiration_timeout=timedelta(days=5))
    domain = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain="second.example", type="internal_relay")
    delete_accepted_domain(actor=SYSTEM, domain=AcceptedDomain.objects.get(domain="second.example"))
    with scope(tenant):
        for object_id in (bob.pk, tenant.pk, domain.pk):
            revert_to_version(actor=SYSTEM, version=version(object_id, 1))
    assert [str(row) for row in bob.addresses.all()] == ["bob@contoso.example"]
    again = Tenant.objects.get(pk=tenant.pk)
    assert (again.time_zone, again.message_expiration_timeout) == ("UTC", timedelta(days=2))
    back = AcceptedDomain.objects.get(domain="second.example")
    assert (back.pk, back.type, back.is_verified) == (domain.pk, "internal_relay", False)


def test_a_removed_mailbox_comes_back_with_its_addresses(contoso: Contoso) -> None:
    pk = contoso.bob_mailbox.pk
    delete_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox)
    with scope(contoso.tenant):
        revert_to_version(actor=SYSTEM, version=version(pk, 1))
    assert [str(row) for row in Mailbox.objects.get(pk=pk).addresses.all()] == ["bob@contoso.example"]


def test_a_tenant_gets_no_right_back_that_the_operator_took_away(contoso: Contoso) -> None:
    operator, alice = Actor("operator", "", "operator"), Actor.user(contoso.alice)
    row = create_receive_connector(
        actor=operator, tenant=contoso.tenant, name="Printers", remote_ranges=["192.0.2.1/32"], permissions=[]
    )
    approve_receive_connector(actor=operator, connector=row)
    change_receive_connector(actor=operator, connector=row, max_hop_count=99)
    change_receive_connector(actor=operator, connector=row, max_hop_count=5)
    with pytest.raises(Problem, match=r"version\.operators_settings"):
        revert_to_version(actor=alice, version=version(row.pk, 2))
    pk = row.pk
    delete_receive_connector(actor=alice, connector=row)
    with scope(contoso.tenant):
        revert_to_version(actor=alice, version=version(pk, 2))
    back = ReceiveConnector.objects.get(pk=pk)
    assert (back.max_hop_count, back.approved_at, back.remote_ranges) == (30, None, ["192.0.2.1"])


def test_two_points_in_time_differ_in_what_was_added_changed_and_removed(contoso: Contoso) -> None:
    old = connector_of(contoso)
    removed = old.pk
    change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, quota=5)
    start = at_of_the_last(contoso)
    change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, quota=6)
    change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, quota=7)
    change_send_connector(actor=SYSTEM, connector=old, name="Gone soon")
    delete_send_connector(actor=SYSTEM, connector=old)
    new = create_accepted_domain(actor=SYSTEM, tenant=contoso.tenant, domain="new.example")
    end = at_of_the_last(contoso)
    change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, quota=8)
    with scope(contoso.tenant):
        told = {one.object_id: one for one in compare(contoso.tenant.pk, start, end).objects}
    assert {pk: one.verb for pk, one in told.items()} == {
        removed: "removed",
        contoso.bob_mailbox.pk: "changed",
        new.pk: "added",
    }
    (change,) = told[contoso.bob_mailbox.pk].changes
    assert (change.field, change.before, change.after) == ("quota", 5, 7)


def at_of_the_last(contoso: Contoso) -> datetime:
    """Return a moment that what was done is before, and what comes is after: ids count milliseconds."""
    row = ConfigurationVersion.objects.latest("id")
    while timezone.now() < row.at + timedelta(milliseconds=2):
        pass
    return row.at


def test_what_came_and_went_in_between_is_no_difference(contoso: Contoso) -> None:
    start = timezone.now() - timedelta(milliseconds=2)
    connector = connector_of(contoso)
    delete_send_connector(actor=SYSTEM, connector=connector)
    with scope(contoso.tenant):
        assert compare(contoso.tenant.pk, start, timezone.now()).objects == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tenants_configurationversion SET number = 9",
        "DELETE FROM tenants_configurationversion",
        "TRUNCATE tenants_configurationversion",
        "TRUNCATE tenants_auditevent",
    ],
)
def test_no_version_is_changed_even_by_an_operator(contoso: Contoso, change: str) -> None:
    connector_of(contoso)
    with pytest.raises(ProgrammingError, match="permission denied"), operator_scope(), connection.cursor() as cursor:
        cursor.execute(change)


def test_versions_of_another_tenant_are_neither_seen_nor_brought_back(contoso: Contoso) -> None:
    connector = connector_of(contoso)
    change_send_connector(actor=SYSTEM, connector=connector, name="Out")
    theirs = version(connector.pk, 1)
    with scope(factories.make_tenant("fabrikam")):
        assert not ConfigurationVersion.objects.exists()
        with pytest.raises(Tenant.DoesNotExist):
            revert_to_version(actor=SYSTEM, version=theirs)
