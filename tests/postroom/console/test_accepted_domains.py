from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import AcceptedDomain
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page

NEW = {"domain": "new.example", "type": "authoritative", "name": ""}


def test_a_new_domain_says_what_to_publish(contoso: Contoso, as_alice: Client) -> None:
    response = as_alice.post("/accepted-domains/new/", NEW)
    row = AcceptedDomain.objects.get(domain="new.example")
    assert response.headers["Location"] == f"/accepted-domains/{row.pk}/"
    text = page(as_alice.get(f"/accepted-domains/{row.pk}/"))
    assert "_postroom.new.example" in text
    assert row.verification_record[1] in text
    assert "not verified" in text


@pytest.mark.parametrize(
    ("domain", "words"),
    [("not a domain", "not a valid domain name"), ("contoso.example", "already an accepted domain")],
)
def test_what_cannot_be_added_is_explained_at_the_field(
    contoso: Contoso, as_alice: Client, domain: str, words: str
) -> None:
    response = as_alice.post("/accepted-domains/new/", NEW | {"domain": domain})
    assert response.status_code == 422
    assert words in response.content.decode()


def test_verify_takes_the_domain_once_the_proof_is_there(contoso: Contoso, as_alice: Client, proving_dns: None) -> None:
    row = factories.make_domain(contoso.tenant, "new.example", verified=False)
    response = as_alice.post(f"/accepted-domains/{row.pk}/verify/", follow=True)
    assert "mail for it is taken from now on" in page(response)
    row.refresh_from_db()
    assert row.is_verified


def test_verify_says_what_is_missing(contoso: Contoso, as_alice: Client, silent_dns: None) -> None:
    row = factories.make_domain(contoso.tenant, "new.example", verified=False)
    page(as_alice.post(f"/accepted-domains/{row.pk}/verify/", follow=True))
    row.refresh_from_db()
    assert not row.is_verified
    assert row.dns_checked_at is not None


def test_a_name_that_another_has_proved_is_not_taken_twice(
    contoso: Contoso, as_alice: Client, as_charlie: Client, proving_dns: None
) -> None:
    row = factories.make_domain(contoso.tenant, "fabrikam.example", verified=False)
    text = page(as_alice.post(f"/accepted-domains/{row.pk}/verify/", follow=True))
    assert "already verified by another organisation" in text


def test_one_click_adds_a_refused_domain(contoso: Contoso, as_alice: Client, silent_dns: None) -> None:
    text = page(as_alice.post("/accepted-domains/add/", {"domain": "xxxx.example"}, follow=True))
    assert "xxxx.example is added" in text
    assert AcceptedDomain.objects.filter(tenant=contoso.tenant, domain="xxxx.example").exists()


def test_changing_making_default_and_removing(contoso: Contoso, as_alice: Client) -> None:
    row = factories.make_domain(contoso.tenant, "other.example")
    as_alice.post(f"/accepted-domains/{row.pk}/edit/", {"name": "Other", "type": "internal_relay"})
    as_alice.post(f"/accepted-domains/{row.pk}/default/")
    row.refresh_from_db()
    assert (row.name, row.type, row.is_default) == ("Other", "internal_relay", True)
    contoso_domain = AcceptedDomain.objects.get(domain="contoso.example")
    text = page(as_alice.post(f"/accepted-domains/{contoso_domain.pk}/delete/", follow=True))
    assert "Move or remove them first" in text


def test_a_domains_page_is_found_by_its_name(contoso: Contoso, as_alice: Client) -> None:
    row = AcceptedDomain.objects.get(domain="contoso.example")
    response = as_alice.get("/accepted-domains/named/contoso.example/")
    assert response.headers["Location"] == f"/accepted-domains/{row.pk}/"
