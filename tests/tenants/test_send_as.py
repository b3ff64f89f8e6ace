"""Send As: granted, shown and taken away in the console and over the API; always within one organisation."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tenants.actions.actor import SYSTEM
from tenants.actions.send_as import granted_names, set_send_as
from tenants.models import AuditEvent, SendAsGrant
from tenants.problems import Problem
from tests import factories
from tests.conftest import Contoso

pytestmark = pytest.mark.django_db
ALICE, BOB = "alice@contoso.example", "bob@contoso.example"


def test_an_administrator_grants_it_and_takes_it_away_in_the_console(contoso: Contoso, as_alice: Client) -> None:
    page = reverse("console:mailbox", args=[contoso.bob_mailbox.pk])
    change = reverse("console:mailbox-send-as", args=[contoso.bob_mailbox.pk])
    assert "may send as" in as_alice.post(change, {"address": "Alice@contoso.example"}, follow=True).content.decode()
    assert ALICE in as_alice.get(page).content.decode()
    as_alice.post(change, {"remove": ALICE})
    assert not SendAsGrant.objects.exists()
    events = AuditEvent.objects.filter(action="mailbox.send_as").order_by("id")
    assert [(event.before, event.after) for event in events] == [
        ({"send_as": []}, {"send_as": [ALICE]}),
        ({"send_as": [ALICE]}, {"send_as": []}),
    ]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nobody@contoso.example", "is no mailbox here"),
        ("charlie@fabrikam.example", "is no mailbox here"),
        (BOB, "always send as itself"),
        ("nonsense", "is no mailbox here"),
    ],
)
def test_who_cannot_get_it_is_told_why(contoso: Contoso, as_alice: Client, address: str, told: str) -> None:
    fabrikam = factories.make_domain(factories.make_tenant("fabrikam"), "fabrikam.example")
    factories.make_mailbox(fabrikam, "charlie")
    change = reverse("console:mailbox-send-as", args=[contoso.bob_mailbox.pk])
    assert told in as_alice.post(change, {"address": address}, follow=True).content.decode()
    assert not SendAsGrant.objects.exists()


def test_the_composer_offers_the_addresses_that_were_granted(contoso: Contoso, as_alice: Client) -> None:
    set_send_as(actor=SYSTEM, mailbox=contoso.bob_mailbox, addresses=[ALICE])
    form = reverse("console:mail-compose")
    assert f'value="{BOB}"' in as_alice.get(form).content.decode()
    sent = as_alice.post(form, {"sender": BOB, "to": BOB, "subject": "For Bob", "text": "Hi"}, follow=True)
    assert sent.status_code == 200
    assert "its way so far" in sent.content.decode()


def test_a_mailbox_that_goes_takes_its_grants_with_it(contoso: Contoso) -> None:
    set_send_as(actor=SYSTEM, mailbox=contoso.bob_mailbox, addresses=[ALICE])
    contoso.alice_mailbox.delete()
    assert granted_names(contoso.bob_mailbox) == []


def test_there_is_a_limit(contoso: Contoso, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.actions.send_as.MOST", 0)
    with pytest.raises(Problem, match=r"send_as\.too_many"):
        set_send_as(actor=SYSTEM, mailbox=contoso.bob_mailbox, addresses=[ALICE])
