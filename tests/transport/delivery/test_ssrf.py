"""Addresses that configuration and DNS must not lead us to (2.15)."""

from __future__ import annotations

import ipaddress

import pytest

from transport.delivery.ssrf import is_forbidden_address, is_our_own_host

FORBIDDEN = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2606:4700::1%eth0",
    # What some libraries would read as an address is none for us.
    "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "127.0.0.1.nip.io", "", "8.8.8.8 ", "[8.8.8.8]",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_forbidden(address: str) -> None:
    assert is_forbidden_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public(address: str) -> None:
    assert not is_forbidden_address(address)


@pytest.mark.parametrize(
    ("address", "forbidden"),
    [("127.0.0.2", False), ("::ffff:127.0.0.2", False), ("10.0.0.1", True), ("::1", True), ("2002:a00:1::", True)],
)
def test_what_the_operator_allowed_and_nothing_beside_it(address: str, forbidden: bool) -> None:
    allowed = (ipaddress.ip_network("127.0.0.0/8"),)
    assert is_forbidden_address(address, allowed) is forbidden


@pytest.mark.parametrize(
    ("address", "ours"),
    [("127.0.0.1", True), ("0.0.0.0", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False)],
)
def test_this_machine_whatever_its_name(address: str, ours: bool) -> None:
    assert is_our_own_host(address) is ours
