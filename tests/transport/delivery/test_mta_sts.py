"""MTA-STS policies (RFC 8461): the record, the policy's text, which hosts it names, and fetching it."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from tests.transport.delivery.certificates import server_context
from tests.transport.delivery.https import StubHttps
from tests.transport.dns.stub import StubDns
from transport.delivery.mta_sts import MAX_AGE, Mode, NoPolicy, StsPolicy, fetch_policy, parse_policy, record_id

GOOD = "version: STSv1\r\nmode: enforce\r\nmx: mx.example\r\nmx: *.mx.example\r\nmax_age: 86400\r\n"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["v=STSv1; id=20260101T000000"], "20260101T000000"),
        (["v=STSv1;id=1;"], "1"),
        (["v=STSv1; more=x; id=1; other=y"], "1"),
        (["something else", "v=STSv1; id=1;"], "1"),
        ([], None),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], None),
        (["v=STSv2; id=1;"], None),
        (["v=STSv1; id=;"], None),
        (["v=STSv1; id=a-b;"], None),
        (["id=1; v=STSv1"], None),
    ],
)
def test_one_record_announces_a_policy(texts: list[str], found: str | None) -> None:
    assert record_id(texts) == found


def test_a_policy_is_read() -> None:
    assert parse_policy(GOOD) == StsPolicy(Mode.ENFORCE, ("mx.example", "*.mx.example"), 86400)
    text = "version: STSv1\nmode: none\nmax_age: 9999999999\nmode: enforce\nunknown: x\n"
    assert parse_policy(text) == StsPolicy(Mode.NONE, (), MAX_AGE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD.replace("STSv1", "STSv2"),
        GOOD.replace("enforce", "always"),
        GOOD.replace("86400", "a day"),
        GOOD.replace("mx: mx.example\r\nmx: *.mx.example\r\n", ""),
        GOOD.replace("mx: mx.example\r\nmx: *.mx.example\r\n", "mx: *\r\n"),
    ],
)
def test_what_is_no_policy_is_none(text: str) -> None:
    with pytest.raises(NoPolicy):
        parse_policy(text)


@pytest.mark.parametrize(
    ("host", "is_named"),
    [
        ("mx.example", True),
        ("MX.Example.", True),
        ("a.mx.example", True),
        ("b.a.mx.example", False),
        ("amx.example", False),
        ("example", False),
        ("evil.example", False),
    ],
)
def test_a_wildcard_stands_for_one_label(host: str, is_named: bool) -> None:
    assert parse_policy(GOOD).names(host) is is_named


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return server_context(Path(tmp_path_factory.mktemp("https")), "mta-sts.policy.example")


async def fetch(certificate: Any, answer: bytes | None = None, text: str = GOOD, **options: Any) -> StsPolicy:
    """Fetch a policy from a server that gives this answer, or this text."""
    web, dns = StubHttps(certificate[0]), StubDns()
    web.says(text)
    web.answer = answer if answer is not None else web.answer
    async with web, dns:
        for domain in ("policy.example", "other.example"):
            dns.add(f"mta-sts.{domain}", "A", options.pop("address", "192.0.2.10"))
        asked: dict[str, Any] = {
            "ca_file": certificate[1],
            "routes": {("192.0.2.10", 443): ("127.0.0.1", web.port)},
        }
        policy = await fetch_policy(options.pop("domain", "policy.example"), dns.resolver(), **asked | options)
    assert web.requests == [b"GET /.well-known/mta-sts.txt HTTP/1.1"]
    return policy


async def test_a_policy_is_fetched_over_https(certificate: Any) -> None:
    assert await fetch(certificate) == parse_policy(GOOD)
    body = GOOD.encode()
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert await fetch(certificate, head + chunks) == parse_policy(GOOD)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", "301 Moved"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + GOOD.encode(), "no text/plain"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + GOOD.encode() + b"x" * 70_000, "64 KB"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\n" + GOOD.encode(), "cut short"),
        (b"220 mail ESMTP\r\n", "proper HTTP"),
        (b"", "proper HTTP"),
    ],
)
async def test_what_a_web_server_should_not_say_is_no_policy(certificate: Any, answer: bytes, words: str) -> None:
    with pytest.raises(NoPolicy, match=words):
        await fetch(certificate, answer)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca_file": None}, "certificate of mta-sts.policy.example is not acceptable"),
        ({"domain": "other.example"}, "certificate of mta-sts.other.example is not acceptable"),
        ({"domain": "no.example"}, "has no address"),
        ({"routes": {}, "address": "10.0.0.1"}, "do not connect to"),
        ({"routes": {}, "address": "127.0.0.1"}, "do not connect to"),
        (
            {"routes": {}, "address": "127.0.0.1", "allowed_networks": (ipaddress.ip_network("127.0.0.0/8"),)},
            "cannot be reached",
        ),
    ],
)
async def test_a_policy_from_nobody_known_or_from_within_is_none(
    certificate: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(NoPolicy, match=words):
        await fetch(certificate, **options)
