"""API keys at the console: made for a role, shown once, taken back."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from tenants.models import ApiKey, Membership
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from tests.postroom.console.conftest import page

pytestmark = pytest.mark.django_db
URL = "/api-keys/"


def make(client: Client, **fields: str) -> str:
    return page(client.post(URL, {"name": "Nightly report", "role": "auditor", **fields}))


def token_in(html: str) -> str:
    found = re.search(r"prt_[\w-]{20,}", html)
    assert found
    return found[0]


def test_a_key_is_shown_once_and_works(as_alice: Client) -> None:
    token = token_in(make(as_alice))
    assert Program(token).get("mailboxes/").status_code == 200
    assert Program(token).post("accepted-domains/", {"domain": "new.example"}).status_code == 403
    html = page(as_alice.get(URL))
    assert token not in html
    assert "Nightly report" in html


def test_the_list_says_when_a_key_was_last_used(as_alice: Client) -> None:
    token = token_in(make(as_alice))
    assert "never" in page(as_alice.get(URL))
    Program(token).get("mailboxes/")
    assert "never" not in page(as_alice.get(URL))


def test_a_revoked_key_is_refused_and_says_so_in_the_list(as_alice: Client) -> None:
    token = token_in(make(as_alice))
    as_alice.post(reverse("console:api-key-revoke", args=[ApiKey.objects.get().pk]))
    assert Program(token).get("mailboxes/").status_code == 401
    assert "revoked" in page(as_alice.get(URL))


def test_an_administrator_is_offered_no_owners_key_and_gets_none(as_alice: Client, contoso: Contoso) -> None:
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.ADMIN)
    assert 'value="owner"' not in page(as_alice.get(URL))
    assert as_alice.post(URL, {"name": "x", "role": "owner"}).status_code == 422
    assert not ApiKey.objects.exists()
