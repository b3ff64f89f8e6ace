"""A passkey in Chromium with an authenticator of its own: added, then enough by itself to sign in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.platform_process import PlatformProcess
from tests.system.test_story_in_the_browser import CHROMIUM, FLAGS, PATIENCE, is_complaint

pytestmark = pytest.mark.system
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def page(platform: PlatformProcess) -> Iterator[Page]:
    """A browser with an authenticator, at localhost: browsers offer passkeys there and over https only."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        url = platform.url.replace("127.0.0.1", "localhost")
        context = chromium.new_context(base_url=url)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        devtools = context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        yield page
        chromium.close()
        assert complaints == []


def test_a_passkey_is_added_and_signs_in_alone(page: Page, platform: PlatformProcess) -> None:
    page.goto("/")
    page.get_by_label("E-mail address").fill("bob@contoso.example")
    page.get_by_label("Password").fill(platform.logins["bob@contoso.example"])
    page.get_by_role("button", name="Sign in").click()
    page.goto("/account/passkeys/add/")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("button", name="Sign out").first.click()
    page.goto("/sign-in/?next=/account/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.get_by_role("row", name="Passkey 1").get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("not used yet")).to_have_count(0)
