"""Mail hosts and smart hosts become endpoints in order."""

from __future__ import annotations

import pytest

from tests.transport.dns.stub import Fault, StubDns
from transport.delivery.endpoints import mx_endpoints, smart_host_endpoints
from transport.delivery.options import Endpoint
from transport.dns.failures import DnsTemporary, NoMailHost
from transport.dns.mx import MailHost, MxLookup


def test_every_address_of_the_best_host_comes_before_the_next_host() -> None:
    lookup = MxLookup((MailHost("a", 1, ("192.0.2.1", "2001:db8::1")), MailHost("b", 2, ("192.0.2.2",))), False)
    assert [str(endpoint) for endpoint in mx_endpoints(lookup)] == ["192.0.2.1:25", "[2001:db8::1]:25", "192.0.2.2:25"]


async def test_smart_hosts_keep_the_connectors_order_and_ports() -> None:
    async with StubDns() as stub:
        stub.add("relay.example", "A", "192.0.2.9")
        hosts = [("[10.1.1.1]", 2525), ("gone.example", 25), ("relay.example", 587)]
        endpoints = await smart_host_endpoints(hosts, stub.resolver())
    assert endpoints == (Endpoint("[10.1.1.1]", "10.1.1.1", 2525), Endpoint("relay.example", "192.0.2.9", 587))


async def test_smart_hosts_without_any_address_fail_and_doubt_wins() -> None:
    async with StubDns() as stub:
        stub.fail("broken.example", "A", Fault.SERVFAIL)
        with pytest.raises(DnsTemporary):
            await smart_host_endpoints([("gone.example", 25), ("broken.example", 25)], stub.resolver())
        with pytest.raises(NoMailHost):
            await smart_host_endpoints([("gone.example", 25)], stub.resolver())
