from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import Membership, User
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page


def test_signing_in_leads_to_the_page_that_was_asked_for(contoso: Contoso, client: Client) -> None:
    response = client.get("/mailboxes/")
    assert response.headers["Location"] == "/sign-in/?next=/mailboxes/"
    signed_in = client.post(
        "/sign-in/", {"username": " Alice@Contoso.example ", "password": factories.PASSWORD, "next": "/mailboxes/"}
    )
    assert signed_in.headers["Location"] == "/mailboxes/"
    assert "alice@contoso.example" in page(client.get("/mailboxes/"))


@pytest.mark.parametrize("next_url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(contoso: Contoso, client: Client, next_url: str) -> None:
    fields = {"username": contoso.alice.email, "password": factories.PASSWORD, "next": next_url}
    assert client.post("/sign-in/", fields).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("email", "password"),
    [("alice@contoso.example", "wrong"), ("nobody@contoso.example", "wrong"), ("locked@contoso.example", None)],
)
def test_a_failure_does_not_tell_who_exists(contoso: Contoso, client: Client, email: str, password: str | None) -> None:
    factories.make_user("locked@contoso.example", is_active=False)
    text = page(client.post("/sign-in/", {"username": email, "password": password or factories.PASSWORD}))
    assert "do not belong together" in text


def test_signing_out_takes_a_post(as_alice: Client) -> None:
    assert as_alice.get("/sign-out/").status_code == 405
    as_alice.post("/sign-out/")
    assert as_alice.get("/mailboxes/").status_code == 302


def test_a_user_of_no_organisation_is_told_so(db: None, client: Client) -> None:
    client.force_login(factories.make_user("lonely@x.example"))
    response = client.get("/")
    assert response.status_code == 403
    assert "You belong to no organisation yet" in response.content.decode()


def test_a_user_of_two_organisations_chooses(contoso: Contoso, charlie: User, as_alice: Client) -> None:
    other = Membership.objects.get(user=charlie).tenant
    factories.make_membership(other, contoso.alice)
    assert "contoso.example" in page(as_alice.get("/accepted-domains/"))
    as_alice.post("/organisation/", {"tenant": str(other.pk)})
    assert "fabrikam.example" in page(as_alice.get("/accepted-domains/"))


def test_nobody_chooses_an_organisation_of_others(contoso: Contoso, charlie: User, as_alice: Client) -> None:
    other = Membership.objects.get(user=charlie).tenant
    as_alice.post("/organisation/", {"tenant": str(other.pk)})
    assert "fabrikam.example" not in page(as_alice.get("/accepted-domains/"))


def test_an_operator_of_no_organisation_arrives_at_the_operators_pages(as_operator: Client) -> None:
    assert as_operator.get("/")["Location"] == "/admin/"
    assert as_operator.get("/mailboxes/").status_code == 403
