"""A NUL, which no text in PostgreSQL can hold: told as the nonsense that it is, at every door."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/members/?q=%00a", "/mailboxes/?q=a%00", "/invitation/%00/", "/account/reset/%00/x/"]
)
def test_a_nul_in_an_address_of_the_console(as_alice: Client, path: str) -> None:
    assert as_alice.get(path).status_code == 400


def test_a_nul_in_an_address_of_the_admin(as_operator: Client) -> None:
    assert as_operator.get("/admin/queues/?by=queue&next_hop=%00").status_code == 400


def test_a_nul_at_the_sign_in_page(client: Client, db: None) -> None:
    assert client.post("/sign-in/", {"username": "a\0b@x.example", "password": "x"}).status_code == 200
