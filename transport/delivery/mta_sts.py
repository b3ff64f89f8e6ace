"""MTA-STS (RFC 8461): a domain says over HTTPS which hosts take its mail, and that they do so over verified TLS."""

from __future__ import annotations

import asyncio
import http.client
import io
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from transport.delivery.options import Network, TlsVerify
from transport.delivery.ssrf import is_forbidden_address
from transport.delivery.tls import context_for
from transport.dns.failures import DnsFailure
from transport.dns.lookups import lookup_addresses
from transport.dns.resolver import Resolver

PATH: Final = "/.well-known/mta-sts.txt"
PORT: Final = 443
PATIENCE: Final = 10.0  # seconds, for all addresses together
MAX_POLICY: Final = 64 * 1024
MAX_HEADER: Final = 16 * 1024
MAX_AGE: Final = 31_557_600  # RFC 8461 3.2: a year
MAX_HOSTS: Final = 100

_RECORD = re.compile(r"v=STSv1\s*;(?:[^;]*;)*?\s*id=([A-Za-z0-9]{1,32})\s*(?:;.*)?")
_MX = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")


class Mode(StrEnum):
    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class NoPolicy(Exception):
    """The policy that a domain's record announces cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """One policy; `max_age` is in seconds, `mx` holds A-labels in lower case, `*.` for exactly one label."""

    mode: Mode
    mx: tuple[str, ...]
    max_age: int

    def names(self, host: str) -> bool:
        """Say whether mail for the domain may go to this host (RFC 8461 4.1)."""
        name = host.lower().rstrip(".")
        parent = name.partition(".")[2]
        return any(pattern == name or (pattern.startswith("*.") and pattern[2:] == parent) for pattern in self.mx)


def record_id(texts: Iterable[str]) -> str | None:
    """Return the id of the policy that TXT records announce, None where there is not exactly one that does."""
    found = [text for text in texts if text.startswith("v=STSv1")]
    match = _RECORD.fullmatch(found[0].strip()) if len(found) == 1 else None
    return match[1] if match else None


def parse_policy(text: str) -> StsPolicy:
    """Read a policy; raises NoPolicy. Of a key that is there twice the first counts, of mx all."""
    keys: dict[str, str] = {}
    hosts: list[str] = []
    for line in text.splitlines():
        key, colon, value = (part.strip() for part in line.partition(":"))
        if key == "mx" and _MX.fullmatch(value.lower()):
            hosts.append(value.lower().rstrip("."))
        elif colon:
            keys.setdefault(key, value)
    if keys.get("version") != "STSv1":
        raise NoPolicy("its version is not STSv1")
    age = keys.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise NoPolicy("its max_age is no number")
    try:
        mode = Mode(keys.get("mode", ""))
    except ValueError:
        raise NoPolicy("its mode is none of enforce, testing and none") from None
    if not hosts and mode is not Mode.NONE:
        raise NoPolicy("it names no mx")
    return StsPolicy(mode, tuple(hosts[:MAX_HOSTS]), min(int(age), MAX_AGE))


async def fetch_policy(
    domain: str,
    resolver: Resolver,
    *,
    ca_file: str | None = None,
    allowed_networks: tuple[Network, ...] = (),
    routes: Mapping[tuple[str, int], tuple[str, int]] | None = None,
) -> StsPolicy:
    """Fetch the policy of a domain; raises NoPolicy. Redirects are not followed (RFC 8461 3.3)."""
    host = f"mta-sts.{domain}"
    try:
        async with asyncio.timeout(PATIENCE):
            addresses = await lookup_addresses(host, resolver)
            answer = await _ask_any(host, addresses, context_for(TlsVerify.DOMAIN, ca_file), allowed_networks, routes)
    except DnsFailure as failure:
        raise NoPolicy(f"{host} is not found: {failure.reply.text}") from None
    except TimeoutError:
        raise NoPolicy(f"{host} does not answer in time") from None
    return parse_policy(_content(answer))


async def _ask_any(
    host: str,
    addresses: Iterable[str],
    context: ssl.SSLContext,
    allowed_networks: tuple[Network, ...],
    routes: Mapping[tuple[str, int], tuple[str, int]] | None,
) -> bytes:
    trouble = f"{host} has no address"
    for address in addresses:
        route = (routes or {}).get((address, PORT))
        if route is None and is_forbidden_address(address, allowed_networks):
            trouble = f"{host} has an address that we do not connect to"
            continue
        try:
            return await _ask(host, *(route or (address, PORT)), context)
        except ssl.SSLCertVerificationError as error:
            trouble = f"the certificate of {host} is not acceptable: {error.verify_message}"
        except (OSError, ValueError) as error:
            trouble = f"{host} cannot be reached: {type(error).__name__}"
    raise NoPolicy(trouble)


async def _ask(host: str, address: str, port: int, context: ssl.SSLContext) -> bytes:
    """Return all of the answer, a little more than may be at most."""
    reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    try:
        request = f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        answer = b""
        while len(answer) <= MAX_HEADER + MAX_POLICY and (more := await reader.read(MAX_POLICY)):
            answer += more
        return answer
    finally:
        writer.transport.abort()


class _Bytes:
    """What the standard library's reader of answers takes for a socket."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._content)


def _content(answer: bytes) -> str:
    """Return the body of an answer; raises NoPolicy unless it is a plain text of proper size, and a 200."""
    response = http.client.HTTPResponse(_Bytes(answer))  # type: ignore[arg-type]  # it only makes a file of it
    try:
        response.begin()
        body = response.read(MAX_POLICY + 1)
    except (http.client.HTTPException, ValueError, OSError):
        raise NoPolicy("the answer is no proper HTTP") from None
    if response.status != 200:
        raise NoPolicy(f"the answer is {response.status} {response.reason[:100]}")
    if len(body) > MAX_POLICY:
        raise NoPolicy("it is longer than 64 KB")
    if response.length:
        raise NoPolicy("the answer is cut short")
    if response.headers.get_content_type() != "text/plain":
        raise NoPolicy("it is no text/plain")
    return body.decode("utf-8", "replace")
