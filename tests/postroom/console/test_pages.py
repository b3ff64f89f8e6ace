"""What holds for every page: the policy, nothing inline, and every fix of the registry leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from postroom.console.fixes import _TARGETS, buttons
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from tests.transport.conftest import name_server
from tests.transport.dns.stub import StubDns
from transport.models import Delivery
from transport.routing.reasons import Action, Fix

__all__ = ["name_server"]

TEMPLATES = [
    *Path(settings.ROOT, "templates").glob("*.html"),
    *Path(settings.ROOT, "templates/console").rglob("*.html"),
]
FRAME = "frame.html"  # has its own policy, and a style of its own
PATHS = [
    "/",
    "/usage/",
    "/accepted-domains/",
    "/accepted-domains/new/",
    "/mailboxes/",
    "/mailboxes/new/",
    "/send-connectors/new/",
    "/receive-connectors/new/",
    "/queues/",
    "/tracking/",
    "/what-if/?sender=alice@contoso.example&recipient=x@elsewhere.example",
    "/mail/",
    "/mail/new/",
    "/audit/",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_page_keeps_to_the_policy(waiting: Delivery, as_alice: Client, silent_dns: None, path: str) -> None:
    response = as_alice.get(path)
    text = page(response)
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<[^>]+\s(style|on\w+|hx-on[^=]*)\s*=", text)
    assert "<style" not in text
    assert "…</" not in re.sub(r"<option.*?</option>", "", text) or path in {"/", "/what-if/"}


@pytest.mark.parametrize("template", [one for one in TEMPLATES if one.name != FRAME], ids=lambda one: one.name)
def test_no_template_holds_scripts_or_styles_of_its_own(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\son\w+=|\sstyle=|hx-on|<style|\|safe|autoescape off", text)


@pytest.mark.parametrize("action", list(Action))
def test_every_fix_of_the_registry_leads_somewhere(action: Action) -> None:
    assert action in _TARGETS


def test_a_fix_without_what_it_needs_is_no_button() -> None:
    assert buttons([Fix(Action.EDIT_SEND_CONNECTOR, "Edit", {})], "owner") == []


def test_a_page_of_ours_says_that_there_is_nothing(contoso: Contoso, as_alice: Client) -> None:
    response = as_alice.get("/no/such/page/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.parametrize(
    ("sender", "recipient", "words"),
    [
        ("alice@contoso.example", "bob@contoso.example", "is delivered to a mailbox here"),
        ("alice@contoso.example", "x@elsewhere.example", "waits as unreachable"),
        ("x@elsewhere.example", "alice@contoso.example", "is delivered to a mailbox here"),
        ("x@elsewhere.example", "nobody@contoso.example", "is refused"),
        ("x@elsewhere.example", "x@elsewhere.example", "Unable to relay"),
        ("", "alice@contoso.example", "is delivered to a mailbox here"),
        ("nonsense", "<script>", "is refused"),
    ],
)
def test_what_if_tells_the_way_and_sends_nothing(
    contoso: Contoso, as_alice: Client, sender: str, recipient: str, words: str
) -> None:
    text = page(as_alice.get("/what-if/", {"sender": sender, "recipient": recipient, "size_kb": "4"}))
    assert words in text
    assert "<script>" not in text
    assert not Delivery.objects.exists()


def test_what_if_shows_the_hosts_and_says_what_is_not_known(
    contoso: Contoso, as_alice: Client, name_server: StubDns
) -> None:
    factories.make_send_connector(contoso.tenant, "*", name="Internet")
    name_server.add("elsewhere.example", "MX", "10 mx1.elsewhere.example.")
    name_server.add("mx1.elsewhere.example", "A", "8.8.4.4")
    asked = {"sender": "alice@contoso.example", "recipient": "x@elsewhere.example"}
    text = page(as_alice.get("/what-if/", asked))
    for words in ("mx1.elsewhere.example", "8.8.4.4", "free now", "only when it is asked", "may send to everybody"):
        assert words in text
    text = page(as_alice.get("/what-if/", asked | {"recipient": "x@nowhere.example"}))
    assert "and comes back to its sender" in text


def test_what_if_asks_for_the_address_of_a_machine_that_logs_in(contoso: Contoso, as_alice: Client) -> None:
    asked = {"sender": "alice@contoso.example", "recipient": "x@elsewhere.example", "user": "printer"}
    assert "needs the address" in page(as_alice.get("/what-if/", asked))
