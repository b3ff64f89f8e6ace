"""`plans/`: operators' programs make and change sets of limits, which count for the tenants that have them."""

from __future__ import annotations

import pytest

from tenants.models import AuditEvent, Plan
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program

pytestmark = pytest.mark.django_db


def test_a_plan_is_made_given_changed_and_counts(contoso: Contoso, operators_api: Program) -> None:
    made = operators_api.post("plans/", {"name": "Small", "max_mailboxes": 10, "weight": 2})
    assert (made.status_code, made.json()["max_mailboxes"], made.json()["weight"]) == (201, 10, 2)
    operators_api.patch("tenants/contoso/", {"plan": "Small"})
    changed = operators_api.patch(f"plans/{made.json()['id']}/", {"max_mailboxes": 12})
    assert changed.json()["max_mailboxes"] == 12
    limits = operators_api.get("tenants/contoso/").json()["limits"]
    assert limits["max_mailboxes"] == {"limit": 12, "source": "plan"}
    assert {one["name"] for one in operators_api.get("plans/").json()["results"]} >= {"Small"}
    assert [event.action for event in AuditEvent.objects.filter(noun="plan").order_by("id")] == [
        "plan.create",
        "plan.change",
    ]
    assert operators_api.delete(f"plans/{made.json()['id']}/").json()["code"] == "plan.in_use"
    operators_api.patch("tenants/contoso/", {"plan": None})
    assert operators_api.delete(f"plans/{made.json()['id']}/").status_code == 204


def test_what_is_wrong_with_a_plan_is_told_by_field(operators_api: Program) -> None:
    operators_api.post("plans/", {"name": "Small"})
    for body, code in (
        ({"name": "Small"}, "plan.name_exists"),
        ({"name": "Other", "weight": 1_000}, "plan.invalid_weight"),
        ({"name": "Other", "max_hats": 1}, "api.unknown_field"),
    ):
        answer = operators_api.post("plans/", body)
        assert (answer.status_code < 500, answer.json()["code"]) == (True, code)
    assert operators_api.post("plans/?dry_run=1", {"name": "Third"}).status_code == 201
    assert not Plan.objects.filter(name="Third").exists()


def test_it_is_for_operators_alone(contoso: Contoso, api: Program, operators_api: Program) -> None:
    made = operators_api.post("plans/", {"name": "Small"}).json()
    assert api.get("plans/").status_code == 403
    assert api.patch(f"plans/{made['id']}/", {"max_mailboxes": 10**6}).status_code == 403
