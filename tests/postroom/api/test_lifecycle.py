"""Deleting an organisation and taking its data away, over the API."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.utils import timezone

from tenants.models import Tenant
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of

pytestmark = pytest.mark.django_db


def test_an_operators_program_plans_a_deletion_and_undoes_it(contoso: Contoso, operators_api: Program) -> None:
    def ask() -> Any:
        return operators_api.client.delete("/api/v1/tenants/contoso/", headers=operators_api.headers).json()

    row = ask()
    assert row["deletion_due_at"]
    assert row["deletion_asked_by"] == "test"
    assert ask()["code"] == "tenant.deletion_asked"
    assert operators_api.post("tenants/contoso/keep/").json()["deletion_due_at"] is None
    assert operators_api.post("tenants/contoso/keep/").status_code == 409


def test_writing_the_status_suspends_and_resumes(contoso: Contoso, operators_api: Program) -> None:
    row = operators_api.patch("tenants/contoso/", {"status": "suspended", "name": "Contoso Ltd"}).json()
    assert (row["status"], row["name"], row["suspension_reason"]) == (
        "suspended",
        "Contoso Ltd",
        "Suspended over the API.",
    )
    assert operators_api.patch("tenants/contoso/", {"status": "suspended"}).status_code == 200
    assert operators_api.patch("tenants/contoso/", {"status": "active"}).json()["suspended_at"] is None
    assert operators_api.patch("tenants/contoso/", {"status": "asleep"}).status_code == 400
    made = operators_api.post("tenants/", {"slug": "later", "name": "Later", "status": "suspended"}).json()
    assert made["status"] == "suspended"


def test_an_operator_may_say_when(contoso: Contoso, operators_api: Program) -> None:
    answer = operators_api.client.delete(
        "/api/v1/tenants/contoso/", {"days": 3}, "application/json", headers=operators_api.headers
    )
    row = Tenant.objects.get(slug="contoso")
    assert answer.status_code == 200
    assert row.deletion_due_at
    assert round((row.deletion_due_at - timezone.now()).total_seconds() / 86_400) == 3


def test_a_program_exports_and_the_list_tells_of_it(contoso: Contoso, api: Program) -> None:
    answer = api.post("exports/", {"contents": "everything"})
    files = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert "mail/alice@contoso.example.mbox" in files.namelist()
    told = json.loads(b"".join(api.post("exports/", {"contents": "configuration"}).streaming_content))
    assert told["organisation"]["slug"] == "contoso"
    rows = api.get("exports/").json()["results"]
    assert [(row["contents"], row["actor_name"]) for row in rows] == [("configuration", "test"), ("everything", "test")]


def test_an_administrators_key_exports_nothing(contoso: Contoso) -> None:
    answer = program_of(contoso.tenant, role="admin").post("exports/", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "api.permission_lacking")


def test_a_stranger_exports_their_own_alone(contoso: Contoso, strangers_api: Program) -> None:
    told = b"".join(strangers_api.post("exports/", {"contents": "configuration"}).streaming_content)
    assert b"contoso" not in told
