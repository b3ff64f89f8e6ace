"""What the tests of signing in share: a browser that signs in, an authenticator app, the letters that were sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth
from django.test import Client

from tests import factories
from tests.conftest import Contoso

SignInAs = Callable[..., Any]


@pytest.fixture
def sign_in(contoso: Contoso, client: Client) -> SignInAs:
    """Sign Alice in, or whoever is named, through the page; return the answer."""

    def act(
        email: str = "alice@contoso.example", password: str = factories.PASSWORD, by: Client = client, **extra: Any
    ) -> Any:
        address = extra.pop("address", "192.0.2.1")
        fields = {"username": email, "password": password, **extra}
        return by.post("/sign-in/", fields, REMOTE_ADDR=address, HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux) Firefox/130")

    return act


class App:
    """An authenticator app; it waits for the next code by counting on, not by sleeping."""

    def __init__(self) -> None:
        self.secret = ""
        self.step = 0

    def scan(self, page: str) -> None:
        found = re.search(r'data-copy="([A-Z2-7]{32})"', page)
        assert found, "the page shows a secret"
        self.secret = found[1]

    def code(self) -> str:
        """Return the code of now, or of the next step where that was used."""
        counter = list(auth.yield_hotp_counters_from_time())[1] + self.step
        self.step += 1
        return str(auth.format_hotp_value(auth.hotp_value(self.secret, counter)))


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def with_app(sign_in: SignInAs, client: Client, app: App, django_capture_on_commit_callbacks: Any) -> App:
    """Alice has added an authenticator app; the client is signed in as she."""
    sign_in()
    app.scan(client.get("/account/app/add/").content.decode())
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/account/app/add/", {"code": app.code()})
    assert answer.headers["Location"] == "/account/recovery-codes/", answer.content
    return app
