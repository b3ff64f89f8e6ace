"""A person at the console without a browser: reads pages, fills in forms, presses buttons by what they say."""

from __future__ import annotations

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser

from typing_extensions import override

VOID = {"input", "br", "img", "hr", "meta", "link"}


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """A page as read: its words, its links and its forms."""

    def __init__(self, url: str, status: int, html: str) -> None:
        super().__init__()
        self.url, self.status = url, status
        self.words: list[str] = []
        self.anchors: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._collecting: tuple[str, str, list[str]] | None = None  # tag, name or address, words
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> dict[str, str]:
        return dict(self.anchors)

    def button(self, label: str) -> Form | None:
        return next((form for form in self.forms if any(label in text for text in form.buttons)), None)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag in {"a", "button", "textarea"}:
            self._collecting = (tag, given.get("href") or given.get("name", ""), [])
        elif self._form is not None:
            self._read_field(tag, given)

    def _read_field(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self._form.fields.append((self._select, given.get("value", "")))
        elif tag == "input" and name and (kind not in {"checkbox", "radio"} or "checked" in given):
            self._form.fields.append((name, given.get("value", "on" if kind == "checkbox" else "")))

    @override
    def handle_endtag(self, tag: str) -> None:
        if self._collecting and self._collecting[0] == tag:
            _, name, words = self._collecting
            self._finish(tag, name, "".join(words).strip())
            self._collecting = None
        if tag == "form":
            self._form = None

    def _finish(self, tag: str, name: str, text: str) -> None:
        if tag == "a":
            self.anchors.append((text, name))
        elif tag == "button" and self._form is not None:
            self._form.buttons.append(text)
        elif tag == "textarea" and self._form is not None:
            self._form.fields.append((name, text))

    @override
    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._collecting:
            self._collecting[2].append(data)


class Person:
    """Signed in at a platform's console; `page` is what is in front of them."""

    def __init__(self, url: str, address: str, password: str) -> None:
        self._url = url
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)
        self.open("/")
        self.press("Sign in", username=address, password=password)

    def open(self, path: str) -> Page:
        return self._read(urllib.request.Request(urllib.parse.urljoin(self._url, path)))  # noqa: S310 - our own platform

    def follow(self, label: str) -> Page:
        """Follow the first link that says so."""
        found = next((href for text, href in self.page.links.items() if label in text), None)
        assert found is not None, f"no link “{label}” on {self.page.url}: {sorted(self.page.links)}"
        return self.open(urllib.parse.urljoin(self.page.url, found))

    def download(self, path: str) -> bytes:
        """Return what lies at an address, as it is."""
        address = urllib.parse.urljoin(self._url, path)
        with self._opener.open(urllib.request.Request(address), timeout=30) as answer:  # noqa: S310 - our own platform
            content: bytes = answer.read()
            return content

    def press(self, label: str, **filled: str) -> Page:
        """Fill the form that has this button and submit it; a field that stands there several times is filled last."""
        form = self.page.button(label)
        assert form is not None, f"no button “{label}” on {self.page.url}: {[one.buttons for one in self.page.forms]}"
        body = [(name, value) for name, value in form.fields if name not in filled] + [*filled.items()]
        target = urllib.parse.urljoin(self.page.url, form.action or self.page.url)
        data = urllib.parse.urlencode(body).encode()
        if form.method == "get":
            return self.open(f"{target}?{data.decode()}")
        headers = {"Referer": self.page.url, "Origin": self._url}
        return self._read(urllib.request.Request(target, data, headers))  # noqa: S310 - our own platform

    def _read(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=30) as answer:
                self.page = Page(answer.url, answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                self.page = Page(error.url or request.full_url, error.code, error.read().decode())
        assert self.page.status < 500, f"{self.page.status} at {self.page.url}"
        return self.page
