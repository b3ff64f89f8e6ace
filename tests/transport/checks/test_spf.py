from __future__ import annotations

import pytest

from tests.transport.dns.stub import StubDns
from transport.checks.spf import SpfResult, evaluate_spf


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", SpfResult.PASS),
        ("v=spf1 a:mail.contoso.example -all", SpfResult.PASS),
        ("v=spf1 mx ~all", SpfResult.PASS),
        ("v=spf1 mx/24 ~all", SpfResult.PASS),
        ("v=spf1 include:good.example -all", SpfResult.PASS),
        ("v=spf1 redirect=good.example", SpfResult.PASS),
        ("v=spf1 ip4:198.51.100.1 -all", SpfResult.FAIL),
        ("v=spf1 ip6:2001:db8::/32 ~all", SpfResult.SOFTFAIL),
        ("v=spf1 ?all", SpfResult.NEUTRAL),
        ("v=spf1", SpfResult.NEUTRAL),
        ("v=spf1 include:nowhere.example -all", SpfResult.PERMERROR),
        ("v=spf1 include:circle.example -all", SpfResult.PERMERROR),
        ("v=spf1 ip4:nonsense -all", SpfResult.PERMERROR),
        ("v=spf1 exists:%{i}.list.example -all", SpfResult.UNSURE),
        ("v=spf10 +all", SpfResult.NONE),
    ],
)
async def test_spf_is_evaluated_by_meaning(dns_stub: StubDns, record: str, result: SpfResult) -> None:
    dns_stub.add("contoso.example", "TXT", f'"{record}"')
    dns_stub.add("contoso.example", "MX", "10 mail.contoso.example.")
    dns_stub.add("mail.contoso.example", "A", "192.0.2.1")
    dns_stub.add("good.example", "TXT", '"v=spf1 ip4:192.0.2.1 -all"')
    dns_stub.add("circle.example", "TXT", '"v=spf1 include:circle.example -all"')
    assert (await evaluate_spf("contoso.example", "192.0.2.1", dns_stub.resolver()))[0] is result
