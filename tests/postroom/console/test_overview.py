from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.models import Delivery, RelayRefusal, SendConnector

pytestmark = pytest.mark.usefixtures("silent_dns")


def test_the_missing_route_is_shown_and_mended_by_one_click(contoso: Contoso, as_alice: Client) -> None:
    text = page(as_alice.get("/"))
    assert "There is no send connector" in text
    assert 'action="/send-connectors/internet/"' in text
    as_alice.post("/send-connectors/internet/", {"next": "/"})
    assert [str(space) for space in SendConnector.objects.get().address_spaces.all()] == ["SMTP:*;1"]
    assert "There is no send connector" not in page(as_alice.get("/"))


def test_an_empty_organisation_is_told_where_to_begin(db: None, client: Client) -> None:
    owner = factories.make_user("owner@elsewhere.example")
    factories.make_membership(factories.make_tenant("empty"), owner)
    client.force_login(owner)
    assert "Add a domain" in page(client.get("/"))
    assert "that it is yours" in page(client.get("/mail/"))


def test_a_hidden_reply_address_is_shown_with_its_fix(contoso: Contoso, as_alice: Client) -> None:
    factories.make_mailbox(factories.make_domain(contoso.tenant, "exchange.local", verified=False), "carl")
    text = page(as_alice.get("/"))
    assert "would send as carl@exchange.local" in text
    assert "/reply-address/" in text


def test_refused_domains_are_counted_and_offered(contoso: Contoso, as_alice: Client) -> None:
    refusal = {"domain": "xxxx.example", "count": 17, "sender": "a@b.example", "recipient": "c@xxxx.example"}
    RelayRefusal.objects.create(at="2999-01-01T00:00Z", **refusal)
    text = page(as_alice.get("/"))
    assert "Refused 17 times for xxxx.example" in text
    assert '<input type="hidden" name="domain" value="xxxx.example">' in text


def test_what_waits_and_what_happened_lately_is_named(waiting: Delivery, as_alice: Client) -> None:
    text = page(as_alice.get("/"))
    assert "Unreachable Domain" in text
    assert "Hello there" in text


def test_the_list_is_refreshed_as_a_part(contoso: Contoso, as_alice: Client) -> None:
    text = page(as_alice.post("/overview/check/", headers={"HX-Request": "true"}))
    assert text.lstrip().startswith('<section class="sheet" id="checklist"')


def test_fixes_are_absent_for_those_who_may_not_press_them(contoso: Contoso, client: Client) -> None:
    helper = factories.make_user("helper@contoso.example")
    factories.make_membership(contoso.tenant, helper, "helpdesk")
    client.force_login(helper)
    text = page(client.get("/"))
    assert "There is no send connector" in text
    assert "/send-connectors/internet/" not in text


def test_a_mailbox_user_is_led_to_their_mailbox(as_bob: Client) -> None:
    assert as_bob.get("/").headers["Location"] == "/mail/"


def test_try_it_sends_to_the_peer_that_answers(contoso: Contoso, as_alice: Client, settings: Settings) -> None:
    settings.POSTROOM_LAB = True
    response = as_alice.post("/lab/echo/")
    assert response.headers["Location"].startswith("/tracking/")
    assert Delivery.objects.get().recipient == "echo@fabrikam.example"
    assert "Waits as unreachable for echo@fabrikam.example" in page(as_alice.get(response.headers["Location"]))


def test_without_the_lab_there_is_nothing_to_try(contoso: Contoso, as_alice: Client, settings: Settings) -> None:
    settings.POSTROOM_LAB = False
    assert "/lab/echo/" not in page(as_alice.get("/"))
    assert as_alice.post("/lab/echo/").status_code == 404
