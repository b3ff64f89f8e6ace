"""What a page offers to a role, that role may do: no link and no button leads to a refusal, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.test import Client
from typing_extensions import override

from tests.person import Page
from tests.postroom.test_every_url import arguments_of, routes
from tests.walls.furnish import ROLES, Furnished, furnish
from tests.walls.routes import fill
from tests.walls.watch import undone

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]
Offer = tuple[str, str, tuple[tuple[str, str], ...]]  # method, address, the fields that the page filled in itself


class Offers(Page):
    """A page, read for everything on it that can be followed or pressed."""

    def __init__(self, url: str, html: str) -> None:
        self.hrefs: list[str] = []
        super().__init__(url, 200, html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.hrefs.append(given["href"])
        super().handle_starttag(tag, attrs)

    def offers(self) -> Iterator[Offer]:
        for href in self.hrefs:
            yield "get", self._target(href), ()
        for form in (form for form in self.forms if form.buttons):
            yield form.method, self._target(form.action), tuple(form.fields)

    def _target(self, address: str) -> str:
        return urldefrag(urljoin(self.url, address or self.url)).url


def pages(client: Client, of: Furnished) -> Iterator[Offers]:
    """Open every page of the console that this person may open, about their organisation's own things."""
    for route in routes()["console"]:
        for template in arguments_of(route) or []:
            with undone():
                path = route.path(fill(template, of.names))
                answer = client.get(path)
            is_page = answer.status_code == 200 and answer.headers.get("Content-Type", "").startswith("text/html")
            if is_page and not answer.streaming:
                yield Offers(path, answer.content.decode())


def taken_up(client: Client, offer: Offer) -> Any:
    method, address, fields = offer
    with undone():
        if method == "post":
            return client.post(address, dict(fields))
        return client.get(address, dict(fields))


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_offered_that_the_role_may_not_do(silent_dns: None, role: str) -> None:
    ours = furnish("aegis", "tangerine")
    client = Client()
    client.force_login(ours.people[role])
    cookies = SimpleCookie(client.cookies)
    offered: dict[Offer, str] = {}
    for page in pages(client, ours):
        client.cookies = SimpleCookie(cookies)
        for offer in page.offers():
            if not urlsplit(offer[1]).scheme:
                offered.setdefault(offer, page.url)
    assert len(offered) > 5
    for offer, where in offered.items():
        client.cookies = SimpleCookie(cookies)
        answer = taken_up(client, offer)
        assert answer.status_code not in {403, 404, 405}, f"{where} offers {offer[:2]}: {answer.status_code}"
