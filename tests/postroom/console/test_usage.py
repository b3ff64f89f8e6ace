"""Usage and limits in the console: what is used, by whom, and what a full plan says to who wants more."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants.models import Membership, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.test_mailboxes import NEW
from tests.transport.workers import send
from transport.models import LimitNotice, TenantLoad
from transport.usage.statements import ROLL_UP

pytestmark = pytest.mark.django_db


def allow(contoso: Contoso, **limits: int) -> None:
    Tenant.objects.filter(pk=contoso.tenant.pk).update(**limits)


def rolled_up() -> None:
    """Move the deltas as the sweep does, in the test's own transaction."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(ROLL_UP, [1000])


def test_the_page_shows_what_is_used_and_who_sends_most(as_alice: Client, contoso: Contoso) -> None:
    allow(contoso, messages_per_hour=5, mailbox_messages_per_hour=2, max_storage=1000)
    TenantLoad.objects.create(tenant=contoso.tenant, storage=900)
    for mailbox, count in ((contoso.alice_mailbox, 1), (contoso.bob_mailbox, 3)):
        for _ in range(count):
            send(mailbox, "alice@contoso.example")
    page = as_alice.get("/usage/")
    report = page.context["report"]
    assert {line.limit_name: line.state for line in report.lines}["messages_per_hour"] == "near"
    assert {line.limit_name: line.used for line in report.lines}["messages_per_hour"] == 4
    text = page.content.decode()
    assert "nearly used up" in text
    rolled_up()
    senders = as_alice.get("/usage/").context["this_hour"]
    # The organisation as a whole is no sender among them.
    assert {one.address for one in senders} == {"alice@contoso.example", "bob@contoso.example"}


def test_the_page_asks_no_question_for_each_mailbox(
    as_alice: Client, contoso: Contoso, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    domain = contoso.alice_mailbox.addresses.get().accepted_domain
    for number in range(12):
        send(factories.make_mailbox(domain, f"m{number}"), "alice@contoso.example")
    rolled_up()
    with django_assert_max_num_queries(32):
        assert len(as_alice.get("/usage/").context["today"]) == 10


def test_everybody_who_may_look_sees_it_and_nobody_else(as_bob: Client, contoso: Contoso, client: Client) -> None:
    auditor = factories.make_user("auditor@contoso.example")
    factories.make_membership(contoso.tenant, auditor, Membership.Role.AUDITOR)
    client.force_login(auditor)
    assert client.get("/usage/").status_code == 200
    assert as_bob.get("/usage/").status_code == 403


@pytest.mark.usefixtures("silent_dns")
def test_the_overview_tells_of_a_limit_that_is_near(as_alice: Client, contoso: Contoso) -> None:
    notice = {"limit_name": "max_storage", "level": "near", "used": 850, "allowed": 1000, "began_at": timezone.now()}
    row = LimitNotice.objects.create(tenant=contoso.tenant, **notice)
    page = as_alice.get("/").content.decode()
    assert "A limit is nearly reached" in page
    assert "Storage in mailboxes" in page
    row.ended_at = timezone.now()
    row.save()
    assert "A limit is nearly reached" not in as_alice.get("/").content.decode()


def test_a_stranger_sees_nothing_of_it(as_charlie: Client, contoso: Contoso) -> None:
    notice = {"limit_name": "max_storage", "level": "near", "used": 850, "allowed": 1000, "began_at": timezone.now()}
    LimitNotice.objects.create(tenant=contoso.tenant, **notice)
    send(contoso.alice_mailbox, "bob@contoso.example")
    page = as_charlie.get("/usage/")
    assert not page.context["notices"]
    assert {line.used for line in page.context["report"].rates} == {0}


def test_the_composer_keeps_what_was_written_and_says_when_to_come_again(as_alice: Client, contoso: Contoso) -> None:
    allow(contoso, mailbox_messages_per_day=0)
    body = {"sender": "alice@contoso.example", "to": "bob@contoso.example", "subject": "Hi", "text": "What I wrote"}
    page = as_alice.post("/mail/new/", body)
    assert page.status_code == 422
    text = page.content.decode()
    assert "The mailbox has reached its sending limit" in text
    assert "0 messages per day" in text
    assert "What I wrote" in text


def test_one_more_mailbox_than_the_plan_allows_is_refused_at_its_form(as_alice: Client, contoso: Contoso) -> None:
    allow(contoso, max_mailboxes=2)
    page = as_alice.post("/mailboxes/new/", NEW)
    assert page.status_code == 422
    assert "2 mailboxes are allowed to your organisation" in page.content.decode()
