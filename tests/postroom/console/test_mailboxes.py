from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tenants.models import AcceptedDomain, Mailbox
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.authentication.scram import verify

NEW = {
    "display_name": "Carol",
    "address": ["carol@contoso.example", "sales@contoso.example", ""],
    "primary": "1",
    "password": "correct horse battery",
    "quota_mb": "512",
    "enabled": "on",
}


def test_a_mailbox_is_made_with_its_addresses_and_a_password(contoso: Contoso, as_alice: Client) -> None:
    assert as_alice.post("/mailboxes/new/", NEW).headers["Location"] == "/mailboxes/"
    row = Mailbox.objects.get(display_name="Carol")
    assert [(str(one), one.is_primary) for one in row.addresses.all()] == [
        ("sales@contoso.example", True),
        ("carol@contoso.example", False),
    ]
    assert (row.quota, verify("correct horse battery", row.verifier)) == (512 * 1024 * 1024, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": [""]}, "at least one address"),
        ({"address": ["bob@contoso.example"]}, "already belongs to another mailbox"),
        ({"address": ["carol@nowhere.example"]}, "nowhere.example"),
        ({"address": ["<script>alert(1)</script>@contoso.example"]}, "not a valid address"),
        ({"password": "short"}, "too short"),
        ({"quota_mb": "-1"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    contoso: Contoso, as_alice: Client, changes: dict[str, object], words: str
) -> None:
    response = as_alice.post("/mailboxes/new/", NEW | changes)
    text = response.content.decode()
    assert response.status_code == 422
    assert words in text
    assert 'value="Carol"' in text
    assert "<script>alert" not in text
    assert not Mailbox.objects.filter(display_name="Carol").exists()


def test_the_reply_address_is_set_with_the_likely_one_filled_in(contoso: Contoso, as_alice: Client) -> None:
    AcceptedDomain.objects.update(is_default=True)
    local = factories.make_domain(contoso.tenant, "exchange.local", verified=False)
    row = factories.make_mailbox(local, "carl")
    path = f"/mailboxes/{row.pk}/reply-address/"
    assert 'value="carl@contoso.example"' in page(as_alice.get(path))
    as_alice.post(path, {"address": "carl@contoso.example"})
    assert {str(one): one.is_primary for one in row.addresses.all()} == {
        "carl@contoso.example": True,
        "carl@exchange.local": False,
    }


def test_changing_disabling_and_removing(contoso: Contoso, as_alice: Client) -> None:
    path = f"/mailboxes/{contoso.bob_mailbox.pk}/"
    fields = {"display_name": "Robert", "address": ["bob@contoso.example"], "primary": "0", "quota_mb": "1"}
    as_alice.post(path, fields)
    row = Mailbox.objects.get(pk=contoso.bob_mailbox.pk)
    assert (row.display_name, row.enabled, row.user) == ("Robert", False, contoso.bob)
    as_alice.post(f"{path}enable/")
    assert Mailbox.objects.get(pk=row.pk).enabled
    as_alice.post(f"{path}delete/")
    assert not Mailbox.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    ("search", "found"),
    [("bob@", True), ("Bo", True), ("bob@contoso.ex", True), ("alice", False), ("%", False), ("b_b", False)],
)
def test_search_by_the_beginning_of_name_or_address(
    contoso: Contoso, as_alice: Client, search: str, found: bool
) -> None:
    assert (str(contoso.bob_mailbox.pk) in page(as_alice.get("/mailboxes/", {"q": search}))) == found


def test_a_long_list_has_pages_and_no_query_per_row(
    contoso: Contoso, as_alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    domain = AcceptedDomain.objects.get(domain="contoso.example")
    for number in range(60):
        factories.make_mailbox(domain, f"m{number:02}")
    with django_assert_max_num_queries(16):
        first = as_alice.get("/mailboxes/")
    second = as_alice.get(f"/mailboxes/{first.context['page'].next_url}")
    names = [row.display_name for one in (first, second) for row in one.context["page"].rows]
    assert names == sorted(names, key=str)
    assert len(names) == 62


@pytest.mark.parametrize("after", ["x", "bm9uc2Vuc2U", "W10", "WyJhIiwgImIiXQ", "W3t9LCB7fV0"])
def test_a_page_that_is_none_is_the_first_one(contoso: Contoso, as_alice: Client, after: str) -> None:
    assert "Alice" in page(as_alice.get("/mailboxes/", {"after": after}))
