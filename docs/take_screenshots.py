"""`python -m docs.take_screenshots`: take the README's pictures from the real console, in a browser, by the story."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.platform_process import PlatformProcess

FOLDER = Path(__file__).parent / "screenshots"
ANN = "ann@contoso.example"
SIZE = 1200, 760


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with PlatformProcess() as platform, browser() as page:
        page.goto(f"{platform.url}/sign-in/")
        page.fill("input[name=username]", ANN)
        page.fill("input[name=password]", platform.logins[ANN])
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{platform.url}/")
        page.get_by_role("button", name="Send echo a message").click()
        page.wait_for_url("**/tracking/**")
        story = page.url.partition("?")[0]
        page.goto(f"{platform.url}/queues/")
        page.get_by_role("link", name="Unreachable Domain").first.click()
        page.get_by_text("No send connector covers").first.wait_for()
        take(page, "unreachable")
        page.get_by_role("button", name="Create a send connector for all domains").first.click()
        page.get_by_text("is there. Mail that waited").wait_for()
        page.goto(story)
        page.get_by_text("250 2.0.0").first.wait_for()
        take(page, "timeline")


@contextmanager
def browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        # Root's Chromium starts without its sandbox only; it sees nothing but our own pages.
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.set_default_timeout(15_000)
        yield page
        chromium.close()


def take(page: Page, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
