"""`configuration-versions/`: listed, compared between two times, and brought back, or only tried."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tenants.actions.tenants import change_tenant
from tenants.models import ConfigurationVersion
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of
from transport.models import SendConnector

pytestmark = pytest.mark.django_db
CONNECTOR = {
    "name": "Internet",
    "routing": "smart_hosts",
    "smart_hosts": [{"host": "a.example", "port": None}],
    "address_spaces": [{"pattern": "*", "cost": 1}],
    "auth": "basic",
    "username": "us",
    "password": "canary-secret",
}


@pytest.fixture
def connector(api: Program) -> str:
    """Make a connector, and change its hosts. Return its id."""
    made = api.post("send-connectors/", CONNECTOR).json()
    api.patch(f"send-connectors/{made['id']}/", {"smart_hosts": [{"host": "b.example"}]})
    return str(made["id"])


def first(connector: str) -> str:
    return str(ConfigurationVersion.objects.get(object_id=connector, number=1).pk)


def test_versions_are_listed_newest_first_and_hold_no_secret(api: Program, connector: str) -> None:
    answer = api.get("configuration-versions/", object_type="sendconnector", object_id=connector)
    rows = answer.json()["results"]
    assert [row["number"] for row in rows] == [2, 1]
    assert rows[0]["picture"]["smart_hosts"] == [{"host": "b.example", "port": None}]
    assert rows[0]["sentence"] == "test changed the send connector Internet"
    assert "canary" not in answer.content.decode()
    assert api.get("configuration-versions/", object_type="mailbox").json()["results"] == []


def test_a_dry_run_tells_what_a_revert_would_change(api: Program, connector: str) -> None:
    answer = api.post(f"configuration-versions/{first(connector)}/revert/?dry_run=1", {})
    assert (answer.status_code, answer.headers["Dry-Run"]) == (200, "true")
    (change,) = answer.json()["changes"]
    assert (change["field"], change["after"]) == ("smart_hosts", [{"host": "a.example", "port": None}])
    assert answer.json()["notes"] == ["The password stays as it is now."]
    assert str(SendConnector.objects.get().smart_hosts.get()) == "b.example"


def test_a_revert_changes_the_object_and_a_second_one_is_refused(api: Program, connector: str) -> None:
    assert api.post(f"configuration-versions/{first(connector)}/revert/", {}).status_code == 200
    assert str(SendConnector.objects.get().smart_hosts.get()) == "a.example"
    again = api.post(f"configuration-versions/{first(connector)}/revert/", {})
    assert (again.status_code, again.json()["code"]) == (400, "version.nothing_to_revert")


def test_a_removed_object_comes_back_under_its_id(api: Program, connector: str) -> None:
    api.delete(f"send-connectors/{connector}/")
    refused = api.post(f"configuration-versions/{first(connector)}/revert/", {})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["password"])
    api.post(f"configuration-versions/{first(connector)}/revert/", {"password": "another-secret"})
    assert api.get(f"send-connectors/{connector}/").json()["has_password"] is True


def test_two_times_are_compared(api: Program, connector: str) -> None:
    now = timezone.now()
    span = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
    (one,) = api.get("configuration-versions/difference/", **span).json()["objects"]
    assert (one["object_id"], one["verb"]) == (connector, "added")
    later = {"from": (now + timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=2)).isoformat()}
    assert api.get("configuration-versions/difference/", **later).json() == {"objects": [], "has_more": False}
    wrong = api.get("configuration-versions/difference/", to="soon")
    assert (wrong.status_code, sorted(wrong.json()["errors"])) == (400, ["from", "to"])


def test_a_strangers_key_compares_nothing_of_ours(strangers_api: Program, connector: str) -> None:
    span = {"from": "2000-01-01T00:00:00Z", "to": "2999-01-01T00:00:00Z"}
    assert strangers_api.get("configuration-versions/difference/", **span).json()["objects"] == []
    assert strangers_api.post(f"configuration-versions/{first(connector)}/revert/", {}).status_code == 404


def test_settings_of_the_organisation_need_an_owners_key(contoso: Contoso, api: Program) -> None:
    change_tenant(actor=SYSTEM, tenant=contoso.tenant, time_zone="Asia/Tokyo")
    path = f"configuration-versions/{ConfigurationVersion.objects.get(number=1).pk}/revert/"
    refused = program_of(contoso.tenant, "admin").post(path, {})
    assert (refused.status_code, refused.json()["code"]) == (403, "api.permission_lacking")
    assert api.post(path, {}).status_code == 200
