"""Suspending over the API, and what a suspended organisation's keys are told."""

from __future__ import annotations

import pytest

from tenants.models import AcceptedDomain, Tenant
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of

pytestmark = pytest.mark.django_db


def test_an_operators_program_suspends_and_resumes_a_tenant_and_its_keys_hear_why(
    contoso: Contoso, api: Program, operators_api: Program
) -> None:
    answer = operators_api.post("tenants/contoso/suspend/", {"reason": "Open bill", "mode": "permanent"})
    assert (answer.status_code, answer.json()["status"], answer.json()["suspension_mode"]) == (
        200,
        "suspended",
        "permanent",
    )
    refused = api.get("mailboxes/")
    assert (refused.status_code, refused.json()["code"]) == (403, "api.tenant_suspended")
    assert "Open bill" in refused.json()["detail"]
    assert operators_api.post(f"tenants/{contoso.tenant.pk}/resume/").json()["status"] == "active"
    assert api.get("mailboxes/").status_code == 200
    assert operators_api.post("tenants/contoso/resume/").status_code == 409


def test_a_suspension_without_a_reason_is_refused_at_its_field(contoso: Contoso, operators_api: Program) -> None:
    answer = operators_api.post("tenants/contoso/suspend/", {})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["reason"])


def test_a_dry_run_suspends_nothing(contoso: Contoso, operators_api: Program) -> None:
    assert operators_api.post("tenants/contoso/suspend/?dry_run=1", {"reason": "x"}).json()["status"] == "suspended"
    assert Tenant.objects.get().is_active


def test_domains_are_suspended_by_operators_alone(contoso: Contoso, api: Program) -> None:
    path = f"accepted-domains/{AcceptedDomain.objects.get().pk}/"
    assert api.post(f"{path}suspend/", {"reason": "x"}).status_code == 403
    operators = program_of(None, **{"X-Postroom-Tenant": "contoso"})
    assert operators.post(f"{path}suspend/", {"reason": "Spam"}).json()["suspension_reason"] == "Spam"
    assert api.get(path).json()["suspended_at"]
    assert api.delete(path).status_code == 409
    assert operators.post(f"{path}resume/").json()["suspended_at"] is None


def test_a_mailbox_is_disabled_with_a_reason_and_a_way(contoso: Contoso, api: Program) -> None:
    path = f"mailboxes/{contoso.bob_mailbox.pk}/"
    body = {"enabled": False, "suspension_reason": "Leaked", "suspension_mode": "temporary"}
    row = api.patch(path, body).json()
    assert (row["enabled"], row["suspension_reason"], row["suspended_by"]) == (False, "Leaked", "test")
    row = api.patch(path, {"enabled": True}).json()
    assert (row["suspension_reason"], row["suspension_mode"], row["suspended_at"]) == ("", "", None)
