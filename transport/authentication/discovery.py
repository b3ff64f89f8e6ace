"""What an OpenID Connect provider publishes about itself: its configuration, and the keys that sign its tokens.

The operator names the issuer, which may lie wherever it lies; what its answers lead to has to be a public address, or
one of the private networks that the operator allowed. No redirects, bounded in time and in size.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from transport.authentication.tokens import InvalidToken, Provider, provider_from
from transport.delivery.options import Network
from transport.delivery.ssrf import is_forbidden_address

CONFIGURATION: Final = "/.well-known/openid-configuration"
TIMEOUT: Final = 10.0  # seconds for both answers together
MAX_SIZE: Final = 256 * 1024
_PORTS: Final = {"https": 443, "http": 80}


class DiscoveryFailed(Exception):
    """The provider did not say what was asked, or said something that cannot be used."""


def discover(issuer: str, allowed_networks: tuple[Network, ...] = (), timeout: float = TIMEOUT) -> Provider:
    """Ask the issuer for its configuration and its keys. Blocks for the time-out at most; raises DiscoveryFailed."""
    deadline = time.monotonic() + timeout
    home = _split(issuer)
    configuration = _fetch(_split(issuer + CONFIGURATION), home, allowed_networks, deadline)
    named = configuration.get("issuer")
    if not isinstance(named, str) or named.rstrip("/") != issuer:
        raise DiscoveryFailed("it calls itself by another name")
    where = configuration.get("jwks_uri")
    if not isinstance(where, str):
        raise DiscoveryFailed("it names no keys")
    try:
        return provider_from(named, _fetch(_split(where), home, allowed_networks, deadline))
    except InvalidToken as error:
        raise DiscoveryFailed(str(error)) from None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DiscoveryFailed("a link of it makes no sense") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or port == 0:
        raise DiscoveryFailed("a link of it makes no sense")
    return parts


def _place(url: SplitResult) -> tuple[str, str | None, int]:
    return url.scheme, url.hostname, url.port or _PORTS[url.scheme]


def _fetch(
    url: SplitResult, home: SplitResult, allowed_networks: tuple[Network, ...], deadline: float
) -> Mapping[str, Any]:
    is_home = _place(url) == _place(home)
    if url.scheme != "https" and not is_home:
        raise DiscoveryFailed("its keys would come unprotected")
    try:
        connection = _connect(url, None if is_home else allowed_networks, deadline)
        try:
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("GET", path, headers={"Accept": "application/json", "User-Agent": "Postroom"})
            response = connection.getresponse()
            if response.status != 200:
                raise DiscoveryFailed(f"it answered {response.status}")
            answer = json.loads(_read(response, deadline))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise DiscoveryFailed(f"it could not be asked ({type(error).__name__})") from None
    if not isinstance(answer, dict):
        raise DiscoveryFailed("its answer is no JSON object")
    return answer


def _connect(
    url: SplitResult, allowed_networks: tuple[Network, ...] | None, deadline: float
) -> http.client.HTTPConnection:
    """Connect to the very address that was looked at: a name looked up again could lead elsewhere by then."""
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    if allowed_networks is not None and is_forbidden_address(address, allowed_networks):
        raise DiscoveryFailed("its keys lie at a private address")
    connection = http.client.HTTPConnection(host, port)
    connected = socket.create_connection((address, port), timeout=_left(deadline))
    try:
        if url.scheme == "https":
            connected = ssl.create_default_context().wrap_socket(connected, server_hostname=host)
    except BaseException:
        connected.close()
        raise
    connection.sock = connected
    return connection


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    content = b""
    while block := response.read1(65_536):
        content += block
        if len(content) > MAX_SIZE:
            raise DiscoveryFailed("its answer is too long")
        _left(deadline)
    return content


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
