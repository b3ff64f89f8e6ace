"""Operators and limits: plans, what counts for a tenant, and who is near the end of it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tenants.actions.actor import SYSTEM
from tenants.actions.plans import create_plan, delete_plan
from tenants.limits import NAMES, PLATFORM, limits_of
from tenants.models import AuditEvent, Plan, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.expect import refused
from transport.models import TenantLoad

pytestmark = pytest.mark.django_db


def form(**fields: object) -> dict[str, object]:
    return {name: getattr(PLATFORM, name) for name in NAMES} | {"name": "Large", "description": ""} | fields


def test_an_operator_makes_a_plan_and_changes_it(as_operator: Client, contoso: Contoso) -> None:
    answer = as_operator.post(reverse("admin:tenants_plan_add"), form(max_domains=500, is_default="on"))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert limits_of(contoso.tenant).max_domains == 500
    plan = Plan.objects.get(name="Large")
    url = reverse("admin:tenants_plan_change", args=[plan.pk])
    as_operator.post(url, form(max_domains=600, is_default="on"))
    assert limits_of(contoso.tenant).max_domains == 600
    assert Plan.objects.filter(is_default=True).count() == 1
    assert {"plan.create", "plan.change"} <= {*AuditEvent.objects.values_list("action", flat=True)}


def test_what_makes_no_sense_stands_at_its_field(as_operator: Client) -> None:
    create_plan(actor=SYSTEM, name="Large")
    page = as_operator.post(reverse("admin:tenants_plan_add"), form(name="Other", max_message_size=2**50))
    assert page.context["adminform"].form.errors["max_message_size"]
    page = as_operator.post(reverse("admin:tenants_plan_add"), form())
    assert page.context["adminform"].form.errors["name"]


def test_a_plan_that_is_used_or_the_default_stays(contoso: Contoso) -> None:
    plan = create_plan(actor=SYSTEM, name="Large", is_default=True)
    with refused("plan.default_needed"):
        delete_plan(actor=SYSTEM, plan=plan)
    other = create_plan(actor=SYSTEM, name="Small")
    Tenant.objects.filter(pk=contoso.tenant.pk).update(plan=other)
    with refused("plan.in_use"):
        delete_plan(actor=SYSTEM, plan=other)


def test_a_tenants_page_shows_what_counts_and_takes_an_override(as_operator: Client, contoso: Contoso) -> None:
    url = reverse("admin:tenants_tenant_change", args=[contoso.tenant.pk])
    page = as_operator.get(url)
    assert "Messages sent per hour" in page.content.decode()
    fields = page.context["adminform"].form.initial
    body = {name: value for name, value in fields.items() if value is not None} | {"messages_per_hour": 3}
    answer = as_operator.post(url, body | {"message_expiration_timeout": "2 00:00:00"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    tenant = Tenant.objects.get(pk=contoso.tenant.pk)
    assert (tenant.messages_per_hour, tenant.messages_per_day) == (3, None)


def test_the_list_of_usage_has_the_fullest_first_and_filters(
    as_operator: Client, contoso: Contoso, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    TenantLoad.objects.create(tenant=contoso.tenant, nearest="max_mailboxes", share=85)
    for number in range(10):
        TenantLoad.objects.create(tenant=factories.make_tenant(f"t{number}"), nearest="max_domains", share=number * 12)
    url = reverse("admin:transport_tenantload_changelist")
    with django_assert_max_num_queries(15):
        page = as_operator.get(url)
    shares = [row.share for row in page.context["cl"].result_list]
    assert shares == sorted(shares, reverse=True)
    over = as_operator.get(url, {"state": "over"}).context["cl"].result_list
    assert [row.share for row in over] == [108]
    near = as_operator.get(url, {"state": "near"}).context["cl"].result_list
    assert [row.share for row in near] == [108, 96, 85, 84]
