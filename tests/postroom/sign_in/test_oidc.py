from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tenants.models import User
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from tests.postroom.sign_in.conftest import App
from tests.postroom.sign_in.identity_provider import CLIENT_ID, IdentityProvider, running

ALICE = {"sub": "1", "email": "Alice@contoso.example", "email_verified": True}


@pytest.fixture
def provider(settings: Settings) -> Iterator[IdentityProvider]:
    with running() as server:
        settings.POSTROOM_OIDC_ISSUER = server.issuer
        settings.POSTROOM_OIDC_NAME = "Contoso ID"
        app = {
            "provider_id": "oidc",
            "name": "Contoso ID",
            "client_id": CLIENT_ID,
            "secret": "s",
            "settings": {"server_url": server.issuer},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        yield server


def come_back(client: Client, provider: IdentityProvider, claims: dict[str, Any], path: str = "") -> Any:
    provider.claims = claims
    there = client.get(f"/account/oidc/oidc/{path}")
    assert there.headers["Location"].startswith(f"{provider.issuer}/authorization?")
    query = parse_qs(urlsplit(there.headers["Location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    return client.get("/account/oidc/oidc/callback/", {"code": "abc", "state": query["state"][0]})


def test_the_sign_in_page_offers_it_where_it_is_set(client: Client, db: None, provider: IdentityProvider) -> None:
    assert "Go on with Contoso ID" in page(client.get("/sign-in/"))


def test_it_does_not_exist_where_it_is_not_set(client: Client, db: None) -> None:
    assert client.get("/account/oidc/oidc/").status_code == 404
    assert "Go on with" not in page(client.get("/sign-in/"))


def test_a_verified_address_that_we_know_gets_in(contoso: Contoso, client: Client, provider: IdentityProvider) -> None:
    answer = come_back(client, provider, ALICE, "?next=/mailboxes/")
    assert answer.headers["Location"] == "/mailboxes/"
    assert "alice@contoso.example" in page(client.get("/mailboxes/"))
    assert User.objects.get(pk=contoso.alice.pk).has_usable_password()


@pytest.mark.parametrize(
    "claims",
    [
        ALICE | {"email_verified": False},
        ALICE | {"email_verified": "false"},
        {"sub": "1", "email": "alice@contoso.example"},
        ALICE | {"email": "stranger@contoso.example"},
        {"sub": "1"},
    ],
)
def test_nobody_else_gets_in_and_no_account_is_made(
    contoso: Contoso, client: Client, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    before = User.objects.count()
    answer = come_back(client, provider, claims)
    assert answer.headers["Location"] == "/sign-in/"
    assert "You cannot sign in that way" in page(client.get("/sign-in/"))
    assert User.objects.count() == before


def test_a_locked_user_stays_out(contoso: Contoso, client: Client, provider: IdentityProvider) -> None:
    User.objects.filter(pk=contoso.alice.pk).update(is_active=False)
    assert come_back(client, provider, ALICE).headers["Location"] == "/sign-in/"


def test_our_own_second_factor_is_asked_for_all_the_same(
    contoso: Contoso, with_app: App, provider: IdentityProvider
) -> None:
    assert come_back(Client(), provider, ALICE).headers["Location"] == "/account/second-step/"


def test_an_answer_that_nobody_asked_for_opens_nothing(
    contoso: Contoso, client: Client, provider: IdentityProvider
) -> None:
    provider.claims = ALICE
    answer = client.get("/account/oidc/oidc/callback/", {"code": "abc", "state": "made-up"})
    assert answer.headers["Location"] == "/sign-in/"
    assert "/token" not in provider.asked
