"""Limits over the API: what counts, what is used, and the answer to who wants more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants.actions.actor import SYSTEM
from tenants.actions.plans import create_plan
from tenants.limits import NAMES
from tenants.models import Plan, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from transport.models import LimitNotice, Message, TenantLoad

pytestmark = pytest.mark.django_db
LETTER = {"from": "alice@contoso.example", "to": ["bob@contoso.example"], "subject": "Hi", "text": "Hi"}


@pytest.fixture(autouse=True)
def standard(db: None) -> Plan:
    """The default plan, as the first migration makes it; tests that commit take it away."""
    return Plan.objects.get_or_create(is_default=True, defaults={"name": "Standard"})[0]


def allow(contoso: Contoso, **limits: int) -> None:
    Tenant.objects.filter(pk=contoso.tenant.pk).update(**limits)


def line(answer: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer.json()["limits"] if one["name"] == name)
    return found


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"mailbox_messages_per_hour": 1}, "mailbox.rate"),
        ({"messages_per_day": 1}, "tenant.rate"),
        ({"recipients_per_hour": 1}, "tenant.rate"),
    ],
)
def test_who_sends_too_much_is_told_when_to_come_again(
    contoso: Contoso, api: Program, limit: dict[str, int], code: str
) -> None:
    allow(contoso, **limit)
    assert api.post("messages/", LETTER).status_code == 202
    answer = api.post("messages/", LETTER)
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    assert 0 < int(answer["Retry-After"]) <= 86_400
    assert " per " in answer.json()["detail"]
    assert "UTC" in answer.json()["detail"]
    assert Message.objects.count() == 1


def test_a_full_queue_and_full_storage_are_told_apart(contoso: Contoso, api: Program) -> None:
    allow(contoso, max_queued=5, max_storage=1000)
    TenantLoad.objects.create(tenant=contoso.tenant, queued=5, storage=1000)
    outside = api.post("messages/", LETTER | {"to": ["x@outside.example"]})
    inside = api.post("messages/", LETTER)
    assert [(one.status_code, one.json()["code"]) for one in (outside, inside)] == [
        (429, "tenant.queue_full"),
        (429, "tenant.storage_full"),
    ]
    assert outside["Retry-After"] == inside["Retry-After"] == "300"


def test_mail_to_another_tenant_keeps_to_what_that_one_may_receive(contoso: Contoso, api: Program) -> None:
    other = factories.make_tenant("fabrikam", incoming_messages_per_hour=1)
    factories.make_mailbox(factories.make_domain(other, "fabrikam.example"), "carol")
    letter = LETTER | {"to": ["carol@fabrikam.example"]}
    assert api.post("messages/", letter).status_code == 202
    assert api.post("messages/", letter).json()["code"] == "tenant.incoming_rate"
    assert api.post("messages/", LETTER).status_code == 202


def test_usage_shows_what_is_used_and_by_whom(contoso: Contoso, api: Program) -> None:
    allow(contoso, messages_per_hour=2)
    api.post("messages/", LETTER | {"to": ["bob@contoso.example", "x@outside.example"]})
    answer = api.get("usage/")
    assert {one["name"] for one in answer.json()["limits"]} == {*NAMES}
    hourly = line(answer, "messages_per_hour")
    assert (hourly["used"], hourly["limit"], hourly["share"], hourly["source"]) == (1, 2, 50, "tenant")
    assert line(answer, "recipients_per_day")["used"] == 2
    assert line(answer, "max_mailboxes")["used"] == 2
    assert line(answer, "max_message_size")["used"] is None
    assert line(answer, "messages_per_day")["source"] == "plan"


def test_usage_shows_notices(contoso: Contoso, api: Program) -> None:
    began = timezone.now() - timedelta(hours=1)
    notice = {"limit_name": "max_storage", "level": "near", "used": 85, "allowed": 100, "began_at": began}
    LimitNotice.objects.create(tenant=contoso.tenant, **notice)
    shown = api.get("usage/").json()["notices"]
    assert [(one["name"], one["level"], one["used"], one["limit"]) for one in shown] == [
        ("max_storage", "near", 85, 100)
    ]


def test_a_stranger_sees_only_the_own_usage(contoso: Contoso, api: Program, strangers_api: Program) -> None:
    api.post("messages/", LETTER)
    assert line(strangers_api.get("usage/"), "messages_per_hour")["used"] == 0


def test_the_plan_stands_in_the_refusal_of_one_more_domain(contoso: Contoso, api: Program) -> None:
    create_plan(actor=SYSTEM, name="Small", is_default=True, max_domains=1, max_mailboxes=2)
    answer = api.post("accepted-domains/", {"domain": "more.example", "name": "more", "type": "authoritative"})
    assert (answer.json()["code"], [*answer.json()["errors"]]) == ("limits.domains", ["domain"])
    assert "plan “Small”" in answer.json()["detail"]
    body = {"display_name": "Carol", "addresses": [{"address": "c@contoso.example", "is_primary": True}]}
    answer = api.post("mailboxes/", body)
    assert (answer.json()["code"], [*answer.json()["errors"]]) == ("limits.mailboxes", ["display_name"])


def test_an_operator_overrides_a_limit_and_gives_it_back(contoso: Contoso, operators_api: Program) -> None:
    create_plan(actor=SYSTEM, name="Small", messages_per_hour=7)
    path = f"tenants/{contoso.tenant.pk}/"
    assert operators_api.get(path).json()["max_domains"] == 100
    answer = operators_api.patch(path, {"plan": "Small", "max_domains": 3}).json()
    assert answer["limits"]["max_domains"] == {"limit": 3, "source": "tenant"}
    assert answer["limits"]["messages_per_hour"] == {"limit": 7, "source": "plan"}
    answer = operators_api.patch(path, {"max_domains": None}).json()
    assert answer["limits"]["max_domains"] == {"limit": 100, "source": "plan"}


def test_what_was_read_of_a_tenant_may_be_sent_back(contoso: Contoso, operators_api: Program) -> None:
    path = f"tenants/{contoso.tenant.pk}/"
    before = operators_api.get(path).json()
    answer = operators_api.patch(path, before)
    assert answer.status_code == 200, answer.content
    assert {one["source"] for one in answer.json()["limits"].values()} == {"plan"}


def test_a_list_of_tenants_costs_no_query_for_each(
    contoso: Contoso, operators_api: Program, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    plan = create_plan(actor=SYSTEM, name="Small")
    for number in range(10):
        factories.make_tenant(f"t{number}", plan=plan if number % 2 else None)
    with django_assert_max_num_queries(12):
        assert len(operators_api.get("tenants/").json()["results"]) == 11
