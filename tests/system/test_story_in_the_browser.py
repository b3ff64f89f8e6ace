"""The story that must always work (design §1), clicked through in Chromium: seen first, then mended by its button."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.platform_process import PlatformProcess, eventually
from tests.strangers import relay

pytestmark = pytest.mark.system
CHROMIUM = "/usr/bin/chromium"
# What Chromium would otherwise do on a machine without the Internet: ask for updates, many times.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE = 30_000  # ms; a page refreshes itself, a queue is tried again


@pytest.fixture(scope="module")
def fresh() -> Iterator[PlatformProcess]:
    """A platform of the story's own: its first minute can be had only once."""
    with PlatformProcess() as process:
        yield process


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page(fresh: PlatformProcess, browser: Browser) -> Iterator[Page]:
    """Ann's browser, signed in. A violation of the content security policy, or a script's error, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=fresh.url)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, "ann@contoso.example", fresh.logins["ann@contoso.example"])
    yield page
    context.close()
    assert complaints == []


def is_complaint(message: ConsoleMessage) -> bool:
    """Tell a violation or a script's error from a form that was refused, which Chromium reports too."""
    return message.type == "error" and "Failed to load resource" not in message.text


def sign_in(page: Page, address: str, password: str) -> None:
    page.goto("/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def write(page: Page, to: str, subject: str) -> None:
    page.goto("/mail/new/")
    page.get_by_label("To", exact=True).fill(to)
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text").fill("Hello from the browser")
    page.get_by_role("button", name="Send", exact=True).click()


def queue_row(page: Page, domain: str) -> Locator:
    return page.get_by_role("row").filter(has_text=domain)


def test_a_mail_without_a_route_waits_visibly_and_one_click_sends_it(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("There is no send connector: mail to the outside waits as unreachable.")).to_be_visible()
    page.get_by_role("button", name="Send echo a message").click()

    expect(
        page.get_by_text("route.no_connector").or_(page.get_by_text("No send connector covers")).first
    ).to_be_visible()
    page.goto("/queues/")
    expect(queue_row(page, "Unreachable Domain")).to_be_visible()
    queue_row(page, "Unreachable Domain").get_by_role("button", name="Create a send connector for all domains").click()

    page.goto("/mail/")
    eventually(lambda: is_there_after_reload(page, "Re: "))
    page.goto("/queues/")
    expect(queue_row(page, "Unreachable Domain")).to_have_count(0)


def is_there_after_reload(page: Page, text: str) -> bool:
    page.reload()
    return page.get_by_text(text).count() > 0


def test_b_a_sender_that_the_world_cannot_answer_is_refused_in_the_composer_and_mended(page: Page) -> None:
    page.goto("/accepted-domains/new/")
    page.get_by_label("Domain", exact=True).fill("exchange.local")
    page.get_by_role("button", name="Add").click()
    page.goto("/mailboxes/")
    page.get_by_role("link", name="Ann", exact=True).click()
    empty = page.get_by_label("Address", exact=True).nth(1)
    empty.fill("ann@exchange.local")
    page.get_by_label("reply address").nth(1).check()
    page.get_by_role("button", name="Save").click()
    page.goto("/")
    expect(page.get_by_text("exchange.local").first).to_be_visible()

    write(page, "bob@woodgrove.example", "Story B")
    expect(page.get_by_text("Nothing was sent.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("ann@exchange.local")
    page.get_by_role("alert").get_by_role("link", name="Set a reply address").click()
    page.get_by_label("Reply address").fill("ann@contoso.example")
    page.get_by_role("button", name="Make it the reply address").click()

    write(page, "bob@woodgrove.example", "Story B")
    expect(page.get_by_text("queued as").first).to_be_visible()


def test_c_a_peers_refusal_of_our_name_is_quoted_and_mended_at_the_connector(page: Page) -> None:
    set_connector_name(page, "wrong.contoso.example")
    write(page, "bob@woodgrove.example", "Story C")
    page.goto("/queues/")
    row = queue_row(page, "woodgrove.example")
    expect(row).to_contain_text("Helo command rejected: Host not found")
    expect(row).to_contain_text("Retry")
    row.get_by_role("link", name="Edit the send connector").click()
    page.get_by_label("Name we give to the peer (EHLO)").fill("mail.contoso.example")
    page.get_by_role("button", name="Save").click()
    page.goto("/queues/")
    expect(queue_row(page, "woodgrove.example")).to_have_count(0)


def set_connector_name(page: Page, name: str) -> None:
    page.goto("/send-connectors/")
    page.get_by_role("link", name="Internet", exact=True).click()
    page.get_by_label("Name we give to the peer (EHLO)").fill(name)
    page.get_by_role("button", name="Save").click()


def test_d_a_refused_domain_is_shown_added_verified_and_received(fresh: PlatformProcess, page: Page) -> None:
    assert relay(fresh, "carol@northwind.example").startswith("550 5.7.1 Unable to relay")

    def is_counted() -> bool:
        page.goto("/")
        return page.get_by_role("button", name="Add northwind.example").count() > 0

    eventually(is_counted)
    page.get_by_role("button", name="Add northwind.example").click()
    page.get_by_role("button", name="Publish the records in the lab and verify").click()
    expect(page.get_by_text("verified", exact=True).first).to_be_visible()
    page.goto("/mailboxes/new/")
    page.get_by_label("Display name").fill("Carol")
    page.get_by_label("Address", exact=True).first.fill("carol@northwind.example")
    page.get_by_role("button", name="Create").click()
    eventually(lambda: relay(fresh, "carol@northwind.example") == "")
