"""The audit log as people read it: sentences, filters, one event field by field, and a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from postroom.audit_words import headline
from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.audit import audit
from tenants.actions.domains import create_accepted_domain
from tenants.actions.mailboxes import change_mailbox
from tenants.models import AuditEvent, ConfigurationVersion, Tenant
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_send_connector,
    delete_send_connector,
)
from transport.models import SendConnector

pytestmark = pytest.mark.django_db


def log(client: Client, **filters: str) -> str:
    return page(client.get(reverse("console:audit"), filters))


@pytest.fixture
def busy(contoso: Contoso) -> Contoso:
    """Alice and the platform did some things."""
    alice = Actor.user(contoso.alice, "192.0.2.7")
    connector = create_send_connector(
        actor=alice,
        tenant=contoso.tenant,
        name="Internet",
        routing="smart_hosts",
        address_spaces=[SpaceInput("*", 1)],
        smart_hosts=[HostInput("a.example")],
    )
    change_send_connector(actor=alice, connector=connector, smart_hosts=[HostInput("b.example", 587)], tls="required")
    create_accepted_domain(actor=SYSTEM, tenant=contoso.tenant, domain="second.example")
    change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, display_name="Robert")
    return contoso


def test_each_event_is_a_sentence(busy: Contoso, as_alice: Client) -> None:
    text = log(as_alice)
    assert "alice@contoso.example added the send connector Internet" in text
    assert "alice@contoso.example changed the send connector Internet" in text
    assert "smart hosts a.example → b.example:587, TLS when the peer offers it → required" in text
    assert "Postroom added the accepted domain second.example" in text
    assert "Postroom changed the mailbox Robert" in text
    assert "display name Bob → Robert" in text


def test_every_action_in_the_code_has_words() -> None:
    root = Path(__file__).parents[3]
    sources = [path for folder in ("tenants", "transport", "platform") for path in (root / folder).rglob("*.py")]
    actions = {name for path in sources for name in re.findall(r'action="([a-z_]+\.[a-z_]+)"', path.read_text())}
    assert "tenant.deletion_ask" in actions
    told = {action: headline(AuditEvent(action=action, actor_name="Ann", object_name="X")) for action in actions}
    assert [action for action, text in told.items() if action in text] == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"group": "connectors"}, {"send_connector.create", "send_connector.change"}),
        ({"group": "domains"}, {"accepted_domain.create"}),
        ({"action": "send_connector.change"}, {"send_connector.change"}),
        ({"actor": "ALICE@"}, {"send_connector.create", "send_connector.change"}),
        ({"object": "inter"}, {"send_connector.create", "send_connector.change"}),
        ({"object": "nternet"}, set()),
        ({"address": "192.0.2.7"}, {"send_connector.create", "send_connector.change"}),
        ({"actor": "post", "group": "mailboxes"}, {"mailbox.change"}),
    ],
)
def test_filters_find_what_they_say(busy: Contoso, as_alice: Client, filters: dict[str, str], found: set[str]) -> None:
    table = export(as_alice, **filters)
    assert {row["Action"] for row in table} == found
    text = log(as_alice, **filters)
    assert ("Internet" in text) == any("send_connector" in action for action in found)


def test_times_are_read_and_shown_in_the_tenants_zone(busy: Contoso, as_alice: Client) -> None:
    Tenant.objects.update(time_zone="Asia/Tokyo")
    tokyo = timezone.now() + timedelta(hours=9)
    before, after = (tokyo - timedelta(minutes=5), tokyo + timedelta(minutes=5))
    assert "Internet" in log(as_alice, start=f"{before:%Y-%m-%dT%H:%M}", end=f"{after:%Y-%m-%dT%H:%M}")
    assert "Nothing found" in log(as_alice, start=f"{after:%Y-%m-%dT%H:%M}")
    at = AuditEvent.objects.latest("id").at + timedelta(hours=9)
    assert f"{at:%Y-%m-%d %H:%M:%S}" in log(as_alice)


def test_a_filter_that_is_nonsense_says_so(busy: Contoso, as_alice: Client) -> None:
    text = log(as_alice, address="nowhere", start="yesterday")
    assert "Enter a valid IPv4 or IPv6 address." in text
    assert "Enter a valid date/time." in text


def test_an_event_shows_each_field_before_and_after(busy: Contoso, as_alice: Client) -> None:
    event = AuditEvent.objects.get(action="send_connector.change")
    text = page(as_alice.get(reverse("console:audit-event", args=[event.pk])))
    assert "a.example" in text
    assert "b.example:587" in text
    assert reverse("console:send-connector", args=[event.object_id]) in text
    about = {"object_type": "sendconnector", "object_id": event.object_id}
    assert urlencode(about).replace("&", "&amp;") in text
    told = log(as_alice, **about)
    assert "Everything about the send connector Internet." in told
    assert "second.example" not in told
    assert "Everything by alice@contoso.example." in log(as_alice, actor_id=event.actor_id)


def test_what_is_gone_is_not_linked_to(busy: Contoso, as_alice: Client) -> None:
    event = AuditEvent.objects.get(action="send_connector.change")
    delete_send_connector(actor=SYSTEM, connector=SendConnector.objects.get())
    text = page(as_alice.get(reverse("console:audit-event", args=[event.pk])))
    assert reverse("console:send-connector", args=[event.object_id]) not in text


def export(client: Client, **filters: str) -> list[dict[str, str]]:
    response = client.get(reverse("console:audit-export"), filters)
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="audit-contoso-')
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.example")'])
def test_no_cell_of_the_export_is_a_formula(contoso: Contoso, as_alice: Client, name: str) -> None:
    change_mailbox(actor=Actor("user", "", name), mailbox=contoso.bob_mailbox, display_name=name)
    (row,) = export(as_alice)
    assert (row["Who"], row["Object"]) == (f"'{name}", f"'{name}")
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


def test_taking_the_log_out_is_logged(busy: Contoso, as_alice: Client) -> None:
    assert len(export(as_alice, group="connectors")) == 2
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.actor_name) == ("audit.export", "alice@contoso.example")
    assert event.after == {"events": 2, "group": "connectors"}


def test_the_list_costs_the_same_however_long_it_is(
    busy: Contoso, as_alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        audit(
            actor=SYSTEM, tenant=busy.tenant, action="mailbox.change", obj=busy.bob_mailbox, before={}, after={"x": 1}
        )
    with django_assert_max_num_queries(16):
        text = log(as_alice)
    assert "Next page" in text
    assert ConfigurationVersion.objects.filter(object_id=busy.bob_mailbox.pk).count() == 2
