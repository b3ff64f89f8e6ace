"""`audit-events/`: the console's filters, and no index lost to row-level security."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tenants.access import audit_events
from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.audit import audit
from tenants.audit_search import Filters, matching
from tenants.models import Tenant
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(contoso: Contoso) -> Contoso:
    bob = Actor("user", "42", "Bob", "192.0.2.9")
    audit(actor=bob, tenant=contoso.tenant, action="mailbox.change", obj=contoso.bob_mailbox, before={}, after={"a": 1})
    audit(actor=SYSTEM, tenant=contoso.tenant, action="tenant.change", obj=contoso.tenant)
    return contoso


def actions(api: Program, **filters: str) -> list[str]:
    return [one["action"] for one in api.get("audit-events/", **filters).json()["results"]]


@pytest.mark.parametrize(
    "filters",
    [
        {"group": "mailboxes"},
        {"group": "mailbox"},
        {"action": "mailbox.change"},
        {"actor": "bo"},
        {"actor_id": "42"},
        {"object": "bob"},
        {"object_type": "mailbox"},
        {"address": "192.0.2.9"},
        {"end": "2999-01-01T00:00:00Z", "group": "mailboxes"},
    ],
    ids=str,
)
def test_a_filter_finds_one_of_two(busy: Contoso, api: Program, filters: dict[str, str]) -> None:
    assert actions(api, **filters) == ["mailbox.change"]


def test_time_bounds_hold(busy: Contoso, api: Program) -> None:
    later = (timezone.now() + timedelta(minutes=1)).isoformat()
    assert actions(api, start=later) == []
    assert len(actions(api, end=later)) == 3  # with the making of the key


def test_an_event_tells_itself_in_words_and_hides_the_columns_for_searching(busy: Contoso, api: Program) -> None:
    (event,) = api.get("audit-events/", group="mailboxes").json()["results"]
    assert event["sentence"] == "Bob changed the mailbox Bob: a – → 1"
    assert not {"noun", "actor_key", "object_key", "tenant"} & event.keys()


@pytest.mark.parametrize("filters", [{"address": "x"}, {"start": "x"}, {"object_id": "x" * 65}], ids=str)
def test_a_filter_that_is_nonsense_is_refused_at_its_name(api: Program, filters: dict[str, str]) -> None:
    answer = api.get("audit-events/", **filters)
    assert (answer.status_code, answer.json()["code"]) == (400, "api.invalid")
    assert list(answer.json()["errors"]) == list(filters)


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        (Filters(), "tenant_id = "),
        (Filters(actor_id="42"), "actor_id"),
        (Filters(actor="Person 17"), "actor_key"),
        (Filters(object="Thing 29"), "object_key"),
        (Filters(address="192.0.2.1"), "client_address"),
        (Filters(action="mailbox.change"), "noun"),
        (Filters(group="mailbox"), "noun"),
        (Filters(group="connectors"), "tenant_id = "),
        (Filters(start=datetime(2026, 1, 1, tzinfo=UTC)), "id >= "),
    ],
    ids=str,
)
def test_each_filter_is_an_index_condition_for_the_web(contoso: Contoso, filters: Filters, condition: str) -> None:
    """Under a policy a condition that is not leakproof is checked row by row (design §12.8)."""
    fill([contoso.tenant, factories.make_tenant("fabrikam"), factories.make_tenant("northwind")])
    with scope(contoso.tenant):
        rows = matching(audit_events(contoso.tenant.pk), filters).order_by("-id")[:51]
        plan = rows.explain()
    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert any("tenant_id = " in line and condition in line for line in conditions), plan


ROWS = """
INSERT INTO tenants_auditevent
  (id, tenant_id, at, actor_kind, actor_id, actor_name, client_address, action, object_type, object_id, object_name)
SELECT gen_random_uuid(), %s, now(), 'user', n %% 50, 'Person ' || n %% 50, ('192.0.2.' || n %% 50)::inet,
  (ARRAY['mailbox', 'queue', 'tenant', 'user', 'send_connector'])[n %% 5 + 1] || '.change', 'x', n, 'Thing ' || n
FROM generate_series(1, 3000) n
"""


def fill(tenants: list[Tenant]) -> None:
    """Write enough rows of several tenants that reading the whole table costs more than an index."""
    with connection.cursor() as cursor:
        for tenant in tenants:
            cursor.execute(ROWS, [tenant.pk])
        cursor.execute("ANALYZE tenants_auditevent")
