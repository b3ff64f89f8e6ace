"""The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): whom a listed proxy speaks for.

Only addresses of POSTROOM_PROXY_NETWORKS are asked for it, and they have to send it: who may leave it out could be
made to pass a client's own lines on as one.
"""

from __future__ import annotations

import ipaddress
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V1: Final = b"PROXY "
MAX_V1: Final = 107  # version 1, 2.1: with its CR LF
MAX_V2: Final = 16 + 2048  # room for more TLVs than proxies send
_PROXIED: Final = 0x21
_LOCAL: Final = 0x20
_ADDRESS_SIZES: Final = {0x11: 4, 0x21: 16}  # TCP over IPv4, over IPv6


class BadProxyHeader(Exception):
    """What came is no PROXY header, or one that cannot be understood."""


def read_proxy_header(buffer: bytes | bytearray) -> tuple[int, str | None] | None:
    """Return the header's size and the client's address, None for an address where the proxy speaks for itself.

    None while the header has not come whole; raises BadProxyHeader.
    """
    if _begins(buffer, SIGNATURE):
        return _read_v2(buffer)
    if _begins(buffer, _V1):
        return _read_v1(buffer)
    raise BadProxyHeader


def _begins(buffer: bytes | bytearray, start: bytes) -> bool:
    return start.startswith(buffer[: len(start)])


def _read_v1(buffer: bytes | bytearray) -> tuple[int, str | None] | None:
    end = buffer.find(b"\r\n", 0, MAX_V1)
    if end < 0:
        if len(buffer) >= MAX_V1:
            raise BadProxyHeader
        return None
    words = bytes(buffer[:end]).split(b" ")
    if words[1] == b"UNKNOWN":
        return end + 2, None
    versions = {b"TCP4": 4, b"TCP6": 6}
    if len(words) != 6 or words[1] not in versions:
        raise BadProxyHeader
    try:
        address = ipaddress.ip_address(words[2].decode("ascii"))
    except ValueError:
        raise BadProxyHeader from None
    if address.version != versions[words[1]]:
        raise BadProxyHeader
    return end + 2, str(address)


def _read_v2(buffer: bytes | bytearray) -> tuple[int, str | None] | None:
    if len(buffer) < 16:
        return None
    command, family, size = buffer[12], buffer[13], 16 + int.from_bytes(buffer[14:16], "big")
    if command not in (_PROXIED, _LOCAL) or size > MAX_V2:
        raise BadProxyHeader
    if len(buffer) < size:
        return None
    octets = _ADDRESS_SIZES.get(family)
    # Version 2, 2.2: LOCAL is the proxy itself, as for its checks; other families have no address that we know.
    if command == _LOCAL or octets is None:
        return size, None
    if size < 16 + 2 * octets + 4:
        raise BadProxyHeader
    return size, str(ipaddress.ip_address(bytes(buffer[16 : 16 + octets])))
