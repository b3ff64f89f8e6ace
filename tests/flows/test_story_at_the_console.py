"""The story that must always work (design §1), at the console of the running platform, its worker and its lab.

Each failure is first seen where a person would see it, and then mended by pressing the button beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.person import Person
from tests.platform_process import PlatformProcess, eventually
from tests.strangers import relay

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fresh() -> Iterator[PlatformProcess]:
    """A platform that has just been started for the first time."""
    with PlatformProcess() as process:
        yield process


@pytest.fixture(scope="module")
def ann(fresh: PlatformProcess) -> Person:
    return Person(fresh.url, "ann@contoso.example", fresh.logins["ann@contoso.example"])


def shows(person: Person, path: str, *texts: str) -> Callable[[], bool]:
    """Return a probe: does the page, opened anew, hold all of these?"""
    return lambda: all(text in person.open(path).text for text in texts)


def write(person: Person, to: str, subject: str) -> None:
    person.open("/mail/new/")
    person.press("Send", to=to, subject=subject, text="Hello")


def test_a_without_a_send_connector_mail_is_unreachable_until_the_button_makes_one(ann: Person) -> None:
    assert "There is no send connector" in ann.open("/").text
    timeline = ann.press("Send echo a message").url

    eventually(shows(ann, "/queues/", "Unreachable Domain", "Create a send connector for all domains"))
    ann.press("Create a send connector for all domains")

    eventually(shows(ann, timeline, "Ok: queued as", "mx.fabrikam.example"))
    eventually(shows(ann, "/mail/", "Re: "))
    assert "Unreachable Domain" not in ann.open("/queues/").text
    ann.open("/send-connectors/")
    assert "Internet" in ann.page.text


def test_b_a_reply_address_that_the_world_cannot_resolve_is_told_and_set_right(ann: Person) -> None:
    ann.open("/accepted-domains/new/")
    ann.press("Add", domain="exchange.local")
    ann.open("/mailboxes/")
    ann.follow("Ann")
    ann.press("Save", address="ann@exchange.local", primary="0")
    assert "exchange.local" in ann.open("/").text

    write(ann, "bob@woodgrove.example", "Story B")
    assert "Nothing was sent." in ann.page.text
    assert "ann@exchange.local" in ann.page.text
    ann.follow("Set a reply address")
    ann.press("Make it the reply address", address="ann@contoso.example")

    write(ann, "bob@woodgrove.example", "Story B")
    assert "Nothing was sent." not in ann.page.text
    eventually(shows(ann, ann.page.url, "mx.woodgrove.example", "queued as"))


def test_c_a_peers_words_about_our_name_lead_to_the_connector_and_its_mail_leaves(ann: Person) -> None:
    ann.open("/send-connectors/")
    ann.follow("Internet")
    ann.press("Save", fqdn="wrong.contoso.example")
    write(ann, "bob@woodgrove.example", "Story C")
    timeline = ann.page.url
    words = "451 4.7.1 <wrong.contoso.example>: Helo command rejected: Host not found"
    eventually(shows(ann, "/queues/", "woodgrove.example", "Retry", words))

    ann.follow("Edit the send connector")
    ann.press("Save", fqdn="mail.contoso.example")  # and what waited for it is tried again by itself
    eventually(shows(ann, timeline, "queued as"))


def test_d_mail_refused_for_an_unknown_domain_is_offered_and_then_received(fresh: PlatformProcess, ann: Person) -> None:
    assert relay(fresh, "carol@northwind.example").startswith("550 5.7.1 Unable to relay")
    eventually(shows(ann, "/", "northwind.example", "Add northwind.example"))
    ann.press("Add northwind.example")
    ann.press("Publish the records in the lab and verify")
    assert "not verified" not in ann.page.text
    ann.open("/mailboxes/new/")
    ann.press("Create", display_name="Carol", address="carol@northwind.example", primary="0")
    eventually(lambda: relay(fresh, "carol@northwind.example") == "")
    eventually(shows(ann, "/tracking/?recipient=carol@northwind.example", "delivered to the mailbox"))
    assert relay(fresh, "nobody@northwind.example").startswith("550 5.1.1")
