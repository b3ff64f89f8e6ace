"""What a change would do to the latest mail: told before it is saved, by console and API, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants.actions.actor import SYSTEM
from tenants.identifiers import uuid7
from tenants.models import AcceptedDomain, AuditEvent
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of, strangers_api
from transport.actions.change_preview import preview_change
from transport.actions.send_connectors import delete_send_connector
from transport.models import EventId, SendConnector, Source
from transport.tracking.events import Subject, event, insert_events

__all__ = ["strangers_api"]

pytestmark = pytest.mark.django_db


def came_in(contoso: Contoso, *recipients: str, sender: str = "alice@contoso.example", incoming: bool = False) -> None:
    """Let a message have come in, as the tracking log has it."""
    subject = Subject(uuid7(), contoso.tenant.pk, "<1@x>", sender, "Hi", 4000, incoming)
    insert_events([event(subject, EventId.RECEIVE, Source.SMTP, recipients)])


@pytest.fixture
def letters(contoso: Contoso) -> Contoso:
    came_in(contoso, "x@elsewhere.example", "y@partner.example")
    came_in(contoso, "z@elsewhere.example")
    came_in(contoso, "bob@contoso.example")
    came_in(contoso, "alice@contoso.example", sender="x@elsewhere.example", incoming=True)
    return contoso


@pytest.fixture
def api(contoso: Contoso) -> Program:
    return program_of(contoso.tenant)


INTERNET = {"name": "Internet", "routing": "dns", "address_spaces": [{"pattern": "*"}]}
PARTNER = {
    "name": "Partner",
    "routing": "smart_hosts",
    "address_spaces": [{"pattern": "partner.example"}],
    "smart_hosts": [{"host": "relay.partner.example"}],
}


def test_a_new_connector_frees_what_waits(letters: Contoso, api: Program) -> None:
    answer = api.post("send-connectors/?dry_run=1", INTERNET)
    told = answer.json()["preview"]
    assert (answer.status_code, told["messages"], told["recipients"], told["changed"]) == (201, 4, 5, 2)
    (way,) = told["ways"]
    assert (way["before"]["kind"], way["after"]["connector"], way["messages"]) == ("unreachable", "Internet", 2)
    assert way["before"]["text"].endswith("No send connector covers the recipient's domain")
    example = told["examples"][0]
    assert example["before"]["text"].endswith("No send connector covers elsewhere.example")
    assert example["recipient"] == "z@elsewhere.example"
    assert "mail hosts of elsewhere.example" in example["after"]["text"]
    assert not SendConnector.objects.exists()


def test_what_goes_the_same_way_is_not_listed(letters: Contoso, api: Program) -> None:
    factories.make_send_connector(letters.tenant, "*", name="Internet")
    told = api.post("send-connectors/?dry_run=1", PARTNER).json()["preview"]
    assert [one["recipient"] for one in told["examples"]] == ["y@partner.example"]
    row = SendConnector.objects.get()
    same = api.patch(f"send-connectors/{row.pk}/?dry_run=1", {"tls": "required"}).json()["preview"]
    assert (same["messages"], same["changed"], same["examples"]) == (4, 0, [])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda api, pk: api.patch(f"send-connectors/{pk}/?dry_run=1", {"enabled": False}), 200),
        (lambda api, pk: api.delete(f"send-connectors/{pk}/?dry_run=1"), 200),
    ],
    ids=["disabled", "removed"],
)
def test_what_would_wait_without_a_connector_is_told(
    letters: Contoso, api: Program, change: Callable[[Program, Any], Any], status: int
) -> None:
    row = factories.make_send_connector(letters.tenant, "*", name="Internet")
    answer = change(api, row.pk)
    told = answer.json()["preview"]
    assert (answer.status_code, told["changed"]) == (status, 2)
    assert {one["after"]["kind"] for one in told["examples"]} == {"unreachable"}
    row.refresh_from_db()
    assert row.enabled


def test_a_new_domain_takes_its_mail_away_from_the_connector(letters: Contoso, api: Program) -> None:
    factories.make_send_connector(letters.tenant, "*", name="Internet")
    told = api.post("accepted-domains/?dry_run=1", {"domain": "partner.example"}).json()["preview"]
    (example,) = told["examples"]
    assert (example["before"]["connector"], example["after"]["reason"]) == ("Internet", "recipient.unknown")
    assert not AcceptedDomain.objects.filter(domain="partner.example").exists()


def test_mail_from_and_to_a_removed_domain_is_told(contoso: Contoso, api: Program) -> None:
    domain = factories.make_domain(contoso.tenant, "old.example", type="external_relay")
    factories.make_send_connector(contoso.tenant, "*", name="Internet")
    came_in(contoso, "x@old.example", sender="s@elsewhere.example", incoming=True)
    came_in(contoso, "x@elsewhere.example", sender="robot@old.example")
    told = api.delete(f"accepted-domains/{domain.pk}/?dry_run=1").json()["preview"]
    reasons = {one["recipient"]: one["after"]["reason"] for one in told["examples"]}
    assert reasons == {"x@old.example": "relay.denied", "x@elsewhere.example": "sender.not_yours"}


def test_a_write_that_is_no_dry_run_tells_no_preview(letters: Contoso, api: Program) -> None:
    assert "preview" not in api.post("send-connectors/", INTERNET).json()


def test_nothing_of_another_tenant_is_looked_at(letters: Contoso) -> None:
    other = factories.make_tenant("fabrikam")
    told = program_of(other).post("send-connectors/?dry_run=1", INTERNET).json()["preview"]
    assert (told["messages"], told["changed"], told["since"]) == (0, 0, None)


def test_a_thousand_messages_are_compared_in_few_queries(contoso: Contoso, django_assert_max_num_queries: Any) -> None:
    rows = []
    for number in range(1_100):
        subject = Subject(uuid7(), contoso.tenant.pk, "", "alice@contoso.example", "Hi", 4000 + number, False)
        rows.append(event(subject, EventId.RECEIVE, Source.SMTP, [f"x{number}@d{number % 300}.example"]))
    insert_events(rows)
    row = factories.make_send_connector(contoso.tenant, "*", name="Internet")
    with scope(contoso.tenant), django_assert_max_num_queries(45):
        found = preview_change(contoso.tenant.pk, lambda: delete_send_connector(actor=SYSTEM, connector=row))
    assert (found.messages, found.changed, len(found.turns)) == (1_000, 1_000, 20)
    assert SendConnector.objects.filter(name="Internet").exists()


FORM = {
    "name": "Internet",
    "spaces": "*",
    "routing": "dns",
    "enabled": "on",
    "tls": "opportunistic",
    "port": "25",
    "auth": "none",
}


def test_the_console_previews_a_new_connector_and_saves_nothing(letters: Contoso, as_alice: Client) -> None:
    text = as_alice.post("/send-connectors/new/", FORM | {"preview": "1"}).content.decode()
    assert "Of your last 4 messages, 2 would go another way." in text
    assert "z@elsewhere.example" in text
    assert "Nothing is saved yet" in text
    assert not SendConnector.objects.exists()
    assert not AuditEvent.objects.exists()
    as_alice.post("/send-connectors/new/", FORM)
    assert SendConnector.objects.exists()


def test_the_console_previews_disabling_and_removing_a_connector(letters: Contoso, as_alice: Client) -> None:
    row = factories.make_send_connector(letters.tenant, "*", name="Internet")
    page = f"/send-connectors/{row.pk}/"
    disabled = {key: value for key, value in FORM.items() if key != "enabled"}
    for answer in (
        as_alice.post(page, disabled | {"preview": "1", "name": "Another"}),
        as_alice.post(f"{page}delete/", {"preview": "1"}),
    ):
        text = answer.content.decode()
        assert (answer.status_code, "2 would go another way" in text) == (200, True)
        assert "elsewhere.example" in text
    row.refresh_from_db()
    assert (row.enabled, row.name) == (True, "Internet")
    wrong = as_alice.post(page, FORM | {"preview": "1", "spaces": "*wrong"})
    assert wrong.status_code == 422


def test_the_console_previews_domains(letters: Contoso, as_alice: Client) -> None:
    factories.make_send_connector(letters.tenant, "*", name="Internet")
    new = {"domain": "partner.example", "type": "authoritative", "preview": "1"}
    assert "y@partner.example" in as_alice.post("/accepted-domains/new/", new).content.decode()
    row = factories.make_domain(letters.tenant, "partner.example", type="external_relay")
    edit = {"name": "P", "type": "authoritative", "preview": "1"}
    assert "y@partner.example" in as_alice.post(f"/accepted-domains/{row.pk}/edit/", edit).content.decode()
    text = as_alice.post(f"/accepted-domains/{row.pk}/delete/", {"preview": "1"}).content.decode()
    assert "would go the same way" in text
    row.refresh_from_db()
    assert (row.type, row.name) == ("external_relay", "partner.example")


def test_who_may_not_configure_previews_nothing(contoso: Contoso, client: Client) -> None:
    auditor = factories.make_user("auditor@contoso.example")
    factories.make_membership(contoso.tenant, auditor, "auditor")
    client.force_login(auditor)
    row = factories.make_send_connector(contoso.tenant, "*", name="Internet")
    assert client.post(f"/send-connectors/{row.pk}/", FORM | {"preview": "1"}).status_code == 403


def test_a_stranger_previews_nothing(letters: Contoso, as_charlie: Client, strangers_api: Program) -> None:
    connector = factories.make_send_connector(letters.tenant, "*", name="Internet")
    domain = AcceptedDomain.objects.get(domain="contoso.example")
    asked = {"preview": "1"}
    for path in (f"/send-connectors/{connector.pk}/", f"/send-connectors/{connector.pk}/delete/"):
        assert as_charlie.post(path, FORM | asked).status_code == 404
    for path in (f"/accepted-domains/{domain.pk}/edit/", f"/accepted-domains/{domain.pk}/delete/"):
        assert as_charlie.post(path, {"type": "external_relay"} | asked).status_code == 404
    assert strangers_api.delete(f"send-connectors/{connector.pk}/?dry_run=1").status_code == 404


def test_what_waits_is_not_touched_by_a_preview(letters: Contoso, api: Program) -> None:
    row = factories.make_send_connector(letters.tenant, "*", name="Internet")
    with CaptureQueriesContext(connection) as queries:
        assert api.patch(f"send-connectors/{row.pk}/?dry_run=1", {"enabled": False}).status_code == 200
    written = [one["sql"] for one in queries if "transport_delivery" in one["sql"] or "transport_queue" in one["sql"]]
    assert written == []
