"""The suppression list at the console: seen by whoever may look, released by whoever steers the mail."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants.models import AuditEvent, Membership
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.models import SuppressedAddress

pytestmark = pytest.mark.django_db


def test_the_list_says_why_and_until_when(contoso: Contoso, as_alice: Client) -> None:
    factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example", count=3)
    shown = page(as_alice.get(reverse("console:suppressions")))
    assert "gone@elsewhere.example" in shown
    assert "knows no gone@elsewhere.example" in shown
    assert "550 5.1.1 No such user" in shown
    assert "3 times" in shown


def test_what_is_over_is_not_on_the_list(contoso: Contoso, as_alice: Client) -> None:
    factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example", expires_at=timezone.now())
    assert "Nothing has come back" in page(as_alice.get(reverse("console:suppressions")))


def test_the_list_is_searched_by_how_an_address_begins(contoso: Contoso, as_alice: Client) -> None:
    for address in ("gone@elsewhere.example", "golf@elsewhere.example", "away@elsewhere.example"):
        factories.make_suppressed_address(contoso.tenant, address)
    shown = page(as_alice.get(reverse("console:suppressions"), {"address": "GO"}))
    assert ("gone@" in shown, "golf@" in shown, "away@" in shown) == (True, True, False)
    shown = page(as_alice.get(reverse("console:suppressions"), {"address": "Gone@Elsewhere.example"}))
    assert ("gone@" in shown, "golf@" in shown) == (True, False)


def test_a_long_list_asks_no_query_per_row(
    contoso: Contoso, as_alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        factories.make_suppressed_address(contoso.tenant, f"a{number}@elsewhere.example")
    with django_assert_max_num_queries(15):
        assert "Next" in page(as_alice.get(reverse("console:suppressions")))


def test_releasing_is_one_click_and_audited(contoso: Contoso, as_alice: Client) -> None:
    row = factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    answer = as_alice.post(reverse("console:suppression-release", args=[row.pk]), follow=True)
    assert "gone@elsewhere.example can be written to again." in page(answer)
    assert not SuppressedAddress.objects.exists()
    event = AuditEvent.objects.get(action="suppressed_address.release")
    assert event.object_name == "gone@elsewhere.example"
    assert "released the suppressed address gone@elsewhere.example" in page(as_alice.get(reverse("console:audit")))


@pytest.mark.parametrize("role", ["auditor", "helpdesk"])
def test_who_only_looks_sees_no_button_and_cannot_release(contoso: Contoso, as_alice: Client, role: str) -> None:
    row = factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    Membership.objects.filter(user=contoso.alice).update(role=role)
    assert "Release" not in page(as_alice.get(reverse("console:suppressions")))
    assert as_alice.post(reverse("console:suppression-release", args=[row.pk])).status_code == 403
    assert SuppressedAddress.objects.exists()


def test_the_refusal_of_a_letter_leads_to_the_release(contoso: Contoso, as_alice: Client) -> None:
    factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    letter = {"sender": "alice@contoso.example", "to": "gone@elsewhere.example", "subject": "Hi", "text": "Hello"}
    answer = as_alice.post(reverse("console:mail-compose"), letter)
    shown = answer.content.decode()
    assert "Earlier mail to gone@elsewhere.example came back" in shown
    assert f"{reverse('console:suppressions')}?address=gone%40elsewhere.example" in shown
