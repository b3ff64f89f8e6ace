"""The audit log and the history over all tenants, as operators search them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.audit import audit
from tenants.actions.mailboxes import change_mailbox
from tenants.models import AuditEvent, ConfigurationVersion
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page

pytestmark = pytest.mark.django_db
EVENTS = "/admin/tenants/auditevent/"


@pytest.fixture
def busy(contoso: Contoso) -> Contoso:
    change_mailbox(actor=Actor("user", "1", "Ann Example"), mailbox=contoso.bob_mailbox, display_name="Robert")
    audit(actor=SYSTEM, tenant=factories.make_tenant("northwind"), action="tenant.test")
    return contoso


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ({}, True),
        ({"q": "rob"}, True),
        ({"q": "ann ex"}, True),
        ({"q": "mailbox.change"}, True),
        ({"q": "contoso"}, True),
        ({"group": "mailboxes"}, True),
        ({"q": "northwind"}, False),
        ({"q": "nobody"}, False),
        ({"group": "domains"}, False),
    ],
    ids=str,
)
def test_an_event_is_found_by_what_an_operator_knows(
    busy: Contoso, as_operator: Client, asked: dict[str, str], is_found: bool
) -> None:
    text = page(as_operator.get(EVENTS, asked))
    assert ("Ann Example changed the mailbox Robert: display name Bob → Robert" in text) == is_found


def test_an_event_shows_its_tenant_and_each_field(busy: Contoso, as_operator: Client) -> None:
    event = AuditEvent.objects.get(action="mailbox.change")
    text = page(as_operator.get(f"{EVENTS}{event.pk}/change/"))
    assert reverse("admin:tenants_tenant_change", args=[busy.tenant.pk]) in text
    assert "<td>Bob</td><td>Robert</td>" in text
    assert f"object_id__exact={event.object_id}" in text
    assert "Robert" in page(as_operator.get(EVENTS, {"object_id__exact": event.object_id}))


def test_a_version_shows_what_it_changed(busy: Contoso, as_operator: Client) -> None:
    versions = "/admin/tenants/configurationversion/"
    assert "Ann Example changed the mailbox Robert" in page(as_operator.get(versions, {"q": "contoso"}))
    assert "Ann Example" not in page(as_operator.get(versions, {"q": "northwind"}))
    row = ConfigurationVersion.objects.get(number=2)
    assert "<td>Bob</td><td>Robert</td>" in page(as_operator.get(f"{versions}{row.pk}/change/"))


def test_the_list_costs_the_same_however_long_it_is(
    busy: Contoso, as_operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        audit(
            actor=SYSTEM, tenant=busy.tenant, action="mailbox.change", obj=busy.bob_mailbox, before={}, after={"x": 1}
        )
    with django_assert_max_num_queries(16):
        page(as_operator.get(EVENTS))
