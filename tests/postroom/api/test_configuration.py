"""Configuration over the API: domains, mailboxes, connectors, keys; each error says what is wrong and where."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from postroom.api.idempotency import digest_of
from tenants.actions.actor import SYSTEM
from tenants.actions.keys import create_api_key
from tenants.models import AcceptedDomain, ApiKey, AuditEvent, IdempotentRequest, Mailbox, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of
from transport.models import ReceiveConnector, SendConnector

pytestmark = pytest.mark.django_db
INTERNET = {"name": "Internet", "address_spaces": [{"type": "SMTP", "pattern": "*", "cost": 1}], "routing": "dns"}


def test_no_key_is_told_how_to_send_one(contoso: Contoso) -> None:
    answer = Program("nonsense").get("mailboxes/")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "api.unauthenticated"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_send_connector_is_made_read_changed_and_removed(api: Program) -> None:
    made = api.post("send-connectors/", INTERNET)
    assert made.status_code == 201, made.json()
    path = f"send-connectors/{made.json()['id']}/"
    assert api.get(path).json()["address_spaces"] == [{"type": "SMTP", "pattern": "*", "cost": 1}]
    assert api.patch(path, {"enabled": False}).json()["enabled"] is False
    assert api.get("send-connectors/").json()["results"][0]["name"] == "Internet"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_password_is_written_and_never_read(api: Program) -> None:
    body = INTERNET | {"auth": "basic", "username": "u", "password": "canary-secret"}
    made = api.post("send-connectors/", body)
    assert made.json()["has_password"] is True
    assert b"canary" not in made.content


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (INTERNET | {"address_spaces": [{"pattern": "*contoso.com"}]}, "connector.invalid_space", "address_spaces"),
        (INTERNET | {"address_spaces": [{"pattern": "*", "cost": 101}]}, "connector.invalid_cost", "address_spaces"),
        (INTERNET | {"routing": "smart_hosts"}, "connector.no_smart_host", "smart_hosts"),
        ({"name": "x"}, "api.invalid", "address_spaces"),
        (INTERNET | {"port": "many"}, "api.invalid", "port"),
    ],
)
def test_a_wrong_field_is_named_with_its_reason(api: Program, body: dict[str, Any], code: str, field: str) -> None:
    answer = api.post("send-connectors/", body)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert list(answer.json()["errors"]) == [field]
    assert not SendConnector.objects.exists()


def test_a_taken_name_is_a_conflict(api: Program) -> None:
    api.post("send-connectors/", INTERNET)
    answer = api.post("send-connectors/", INTERNET)
    assert (answer.status_code, answer.json()["code"]) == (409, "connector.name_taken")


def test_broken_json_is_a_problem_not_a_crash(api: Program) -> None:
    answer = api.client.post("/api/v1/mailboxes/", "{", "application/json", headers=api.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "api.malformed")


def test_a_dry_run_shows_the_outcome_and_changes_nothing(api: Program) -> None:
    answer = api.post("send-connectors/?dry_run=1", INTERNET)
    assert answer.status_code == 201
    assert answer["Dry-Run"] == "true"
    assert not SendConnector.objects.exists()
    assert not AuditEvent.objects.filter(action="send_connector.create").exists()


def test_the_same_idempotency_key_acts_once(api: Program) -> None:
    first = api.post("send-connectors/", INTERNET, **{"Idempotency-Key": "k1"})
    second = api.post("send-connectors/", INTERNET, **{"Idempotency-Key": "k1"})
    assert first.json() == second.json()
    assert (second.status_code, second["Idempotent-Replay"]) == (201, "true")
    assert SendConnector.objects.count() == 1


def test_an_idempotency_key_with_another_body_is_a_conflict(api: Program) -> None:
    api.post("send-connectors/", INTERNET, **{"Idempotency-Key": "k1"})
    answer = api.post("send-connectors/", INTERNET | {"name": "Other"}, **{"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "api.idempotency_conflict")


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_with_one_idempotency_key_act_once(api: Program) -> None:
    def make(_number: int) -> tuple[int, Any]:
        try:
            answer = api.post("send-connectors/", INTERNET, **{"Idempotency-Key": "k1"})
            return answer.status_code, answer.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(make, range(4)))
    assert [status for status, _ in answers] == [201]
    assert SendConnector.objects.count() == 1


def test_a_dry_run_wakes_nobody(
    api: Program, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("tenants.wakeups.wake", lambda task, *arguments: woken.append(task))
    with django_capture_on_commit_callbacks(execute=True):
        api.post("send-connectors/?dry_run=1", INTERNET)
    assert woken == []
    with django_capture_on_commit_callbacks(execute=True):
        api.post("send-connectors/", INTERNET)
    assert woken == ["transport.reroute"]


@pytest.mark.parametrize("path", ["mailboxes/", "send-connectors/", "accepted-domains/", "audit-events/", "api-keys/"])
def test_a_list_costs_the_same_whatever_its_length(
    api: Program, contoso: Contoso, django_assert_max_num_queries: Any, path: str
) -> None:
    domain = AcceptedDomain.objects.get()
    for number in range(12):
        factories.make_mailbox(domain, f"m{number}", aliases=[f"n{number}"])
        factories.make_send_connector(contoso.tenant, "*", smart_hosts=[("hub.example", 25)])
        factories.make_domain(contoso.tenant, f"d{number}.example")
        create_api_key(actor=SYSTEM, name="k", tenant=contoso.tenant)
    with django_assert_max_num_queries(12):  # key, scope in and out, page, two prefetches; the test's savepoints
        assert len(api.get(path).json()["results"]) >= 12


def test_a_refused_write_frees_its_idempotency_key(api: Program) -> None:
    assert api.post("send-connectors/", {"name": "x"}, **{"Idempotency-Key": "k1"}).status_code == 400
    assert api.post("send-connectors/", INTERNET, **{"Idempotency-Key": "k1"}).status_code == 201


def test_a_key_that_is_asked_for_twice_is_sealed_in_the_record_of_the_answer(api: Program) -> None:
    first = api.post("api-keys/", {"name": "nightly"}, **{"Idempotency-Key": "k1"}).json()
    assert api.post("api-keys/", {"name": "nightly"}, **{"Idempotency-Key": "k1"}).json() == first
    assert ApiKey.objects.filter(name="nightly").count() == 1
    assert first["token"] not in str(IdempotentRequest.objects.values_list("body", "digest"))


def test_a_recorded_request_cannot_be_guessed_without_our_key(api: Program, settings: Any) -> None:
    digests = set()
    for secret in ("one", "two"):
        settings.SECRET_KEY = secret
        digests.add(digest_of("POST", "/api/v1/mailboxes/", {"password": "a long password"}))
    assert len(digests) == 2


def test_a_mailbox_is_made_with_addresses_and_password(api: Program) -> None:
    body = {
        "display_name": "Carol",
        "addresses": [{"address": "carol@contoso.example", "is_primary": True}, {"address": "c@contoso.example"}],
        "password": "a long password",
    }
    made = api.post("mailboxes/", body)
    assert made.status_code == 201, made.json()
    assert made.json()["addresses"][0] == {"address": "carol@contoso.example", "is_primary": True}
    assert b"long password" not in made.content
    assert Mailbox.objects.get(display_name="Carol").verifier.startswith("SCRAM-SHA-256$")


def test_a_reply_address_is_changed_by_the_whole_list(api: Program, contoso: Contoso) -> None:
    path = f"mailboxes/{contoso.bob_mailbox.pk}/"
    addresses = [{"address": "robert@contoso.example", "is_primary": True}, {"address": "bob@contoso.example"}]
    assert api.patch(path, {"addresses": addresses}).json()["addresses"][0]["address"] == "robert@contoso.example"


def test_an_accepted_domain_shows_the_record_that_proves_it(api: Program) -> None:
    made = api.post("accepted-domains/", {"domain": "Northwind.Example"}).json()
    assert made["domain"] == "northwind.example"
    assert made["verified"] is False
    assert made["verification_record"]["name"] == "_postroom.northwind.example"


def test_a_domain_itself_cannot_be_changed(api: Program) -> None:
    domain = AcceptedDomain.objects.get()
    answer = api.patch(f"accepted-domains/{domain.pk}/", {"domain": "other.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "domain.immutable")


def test_a_tenants_key_cannot_grant_rights_or_approve(api: Program) -> None:
    printer = {"name": "printer", "remote_ranges": ["192.0.2.7/32"]}
    made = api.post("receive-connectors/", printer)
    assert made.status_code == 201, made.json()
    assert api.post("receive-connectors/", printer | {"permissions": ["accept_any_sender"]}).status_code == 400
    assert api.post(f"receive-connectors/{made.json()['id']}/approve/").status_code == 403
    assert ReceiveConnector.objects.get().approved_at is None


def test_an_operators_key_names_a_tenant_and_may_approve(contoso: Contoso, api: Program) -> None:
    made = api.post("receive-connectors/", {"name": "printer", "remote_ranges": ["192.0.2.7/32"]}).json()
    operators = program_of(None, **{"X-Postroom-Tenant": "contoso"})
    assert operators.post(f"receive-connectors/{made['id']}/approve/").json()["approved"] is True


def test_an_operator_makes_a_tenant_with_its_owner(operators_api: Program) -> None:
    body = {"slug": "adatum", "name": "Adatum", "owner": {"email": "o@adatum.example", "password": "a long password"}}
    made = operators_api.post("tenants/", body)
    assert made.status_code == 201, made.json()
    assert Tenant.objects.get(slug="adatum").name == "Adatum"
    assert operators_api.get("tenants/").json()["results"][0]["slug"] == "adatum"


@pytest.mark.parametrize(
    ("headers", "code"), [({}, "api.tenant_required"), ({"X-Postroom-Tenant": "x"}, "api.tenant_unknown")]
)
def test_an_operators_key_has_to_name_a_known_tenant(contoso: Contoso, headers: dict[str, str], code: str) -> None:
    assert program_of(None, **headers).get("mailboxes/").json()["code"] == code


def test_a_key_is_shown_once_and_can_be_revoked(api: Program) -> None:
    made = api.post("api-keys/", {"name": "nightly"}).json()
    other = Program(made["token"])
    assert other.get("mailboxes/").status_code == 200
    assert "token" not in api.get(f"api-keys/{made['id']}/").json()
    assert api.delete(f"api-keys/{made['id']}/").status_code == 204
    assert other.get("mailboxes/").status_code == 401


def test_lists_come_in_cursor_pages(api: Program) -> None:
    page = api.get("mailboxes/", page_size=1).json()
    assert len(page["results"]) == 1
    assert page["next"]


def test_the_schema_says_everything_without_a_warning(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    assert "application/problem+json" in (tmp_path / "schema.yml").read_text()


def test_the_schema_is_served_and_names_every_resource(client: Any, db: None) -> None:
    schema = client.get("/api/v1/schema/", headers={"Accept": "application/json"}).json()
    assert {"/api/v1/send-connectors/", "/api/v1/mailboxes/", "/api/v1/messages/"} <= set(schema["paths"])
    assert client.get("/api/docs/").status_code == 200
