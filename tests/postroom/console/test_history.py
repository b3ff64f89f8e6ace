"""The history of the configuration at the console: versions, differences over time, and the way back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants.actions.actor import SYSTEM
from tenants.actions.mailboxes import change_mailbox
from tenants.actions.tenants import change_tenant
from tenants.models import AuditEvent, ConfigurationVersion, Membership, Tenant
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_send_connector,
    delete_send_connector,
)
from transport.models import SendConnector

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(contoso: Contoso) -> SendConnector:
    """A connector that went from a.example to b.example."""
    row = create_send_connector(
        actor=SYSTEM,
        tenant=contoso.tenant,
        name="Internet",
        routing="smart_hosts",
        address_spaces=[SpaceInput("*", 1)],
        smart_hosts=[HostInput("a.example")],
        auth="basic",
        username="us",
        password="canary-secret",
    )
    return change_send_connector(actor=SYSTEM, connector=row, smart_hosts=[HostInput("b.example")])


def version_url(number: int, name: str = "version") -> str:
    row = ConfigurationVersion.objects.get(object_type="sendconnector", number=number)
    return reverse(f"console:history-{name}", args=[row.pk])


def test_the_list_tells_who_changed_what(connector: SendConnector, as_alice: Client) -> None:
    text = page(as_alice.get(reverse("console:history")))
    assert "Postroom changed the send connector Internet" in text
    assert "a.example" in text
    assert "b.example" in text
    assert "Nothing was changed yet" in page(as_alice.get(reverse("console:history"), {"object_type": "mailbox"}))


def test_an_objects_page_leads_to_its_versions(connector: SendConnector, as_alice: Client) -> None:
    history = reverse("console:history-object", args=["sendconnector", connector.pk])
    assert history in page(as_alice.get(reverse("console:send-connector", args=[connector.pk])))
    text = page(as_alice.get(history))
    assert "History of the send connector Internet" in text
    assert "version 1" in text
    assert "version 2" in text


def test_a_version_is_looked_at_and_then_gone_back_to(connector: SendConnector, as_alice: Client) -> None:
    text = page(as_alice.get(version_url(1)))
    assert "This is what would change" in text
    assert "The password stays as it is now." in text
    assert "canary-secret" not in text
    answer = as_alice.post(version_url(1, "revert"), follow=True)
    assert "“Internet” is as it was in version 1." in page(answer)
    assert [str(host) for host in connector.smart_hosts.all()] == ["a.example"]
    assert "took the send connector Internet back to version 1" in page(as_alice.get(reverse("console:audit")))
    assert "It is like this now." in page(as_alice.get(version_url(3)))


def test_what_was_removed_comes_back_with_the_password_given_again(connector: SendConnector, as_alice: Client) -> None:
    delete_send_connector(actor=SYSTEM, connector=connector)
    assert version_url(2) in page(as_alice.get(version_url(3)))  # the removal itself leads there
    assert "It was removed. It would come back like this:" in page(as_alice.get(version_url(2)))
    refused = as_alice.post(version_url(2, "revert"))
    assert refused.status_code == 422
    assert "password" in refused.content.decode()
    assert not SendConnector.objects.exists()
    as_alice.post(version_url(2, "revert"), {"password": "another-secret"})
    assert [str(host) for host in SendConnector.objects.get().smart_hosts.all()] == ["b.example"]


def test_the_difference_between_two_times_names_the_objects(connector: SendConnector, as_alice: Client) -> None:
    now = timezone.now()
    at = {"start": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}", "end": f"{now:%Y-%m-%dT%H:%M}"}
    text = page(as_alice.get(reverse("console:history-difference"), at))
    assert "Internet" in text
    assert "added" in text
    assert "b.example" in text
    only = {"object_type": "mailbox", "object_id": str(connector.pk)}
    assert "No difference" in page(as_alice.get(reverse("console:history-difference"), at | only))
    wrong = as_alice.get(reverse("console:history-difference"), {"start": "yesterday", "end": "now"})
    assert wrong.status_code == 422


def test_an_auditor_sees_and_does_not_go_back(connector: SendConnector, contoso: Contoso, as_alice: Client) -> None:
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.AUDITOR)
    text = page(as_alice.get(version_url(1)))
    assert "This is what would change" in text
    assert reverse("console:history-revert", args=[ConfigurationVersion.objects.get(number=1).pk]) not in text
    assert as_alice.post(version_url(1, "revert")).status_code == 403


def test_settings_of_the_organisation_go_back_by_an_owner_alone(contoso: Contoso, as_alice: Client) -> None:
    change_tenant(actor=SYSTEM, tenant=contoso.tenant, time_zone="Asia/Tokyo")
    revert = reverse("console:history-revert", args=[ConfigurationVersion.objects.get(number=1).pk])
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.ADMIN)
    assert as_alice.post(revert).status_code == 403
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.OWNER)
    assert as_alice.post(revert).status_code == 302
    assert Tenant.objects.get(pk=contoso.tenant.pk).time_zone == "UTC"


def test_a_stranger_finds_no_version_and_brings_none_back(connector: SendConnector, as_charlie: Client) -> None:
    before = AuditEvent.objects.count()
    assert as_charlie.get(version_url(1)).status_code == 404
    assert as_charlie.post(version_url(1, "revert")).status_code == 404
    history = reverse("console:history-object", args=["sendconnector", connector.pk])
    assert as_charlie.get(history).status_code == 404
    assert AuditEvent.objects.count() == before


def test_the_lists_cost_the_same_however_long_they_are(
    contoso: Contoso, as_alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for quota in range(1, 60):
        change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, quota=quota)
    with django_assert_max_num_queries(16):
        assert "Next page" in page(as_alice.get(reverse("console:history")))
    with django_assert_max_num_queries(16):
        page(as_alice.get(reverse("console:history-difference")))
