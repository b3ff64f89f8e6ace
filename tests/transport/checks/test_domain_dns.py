from __future__ import annotations

import pytest
from pytest_django import Settings

from tenants.models import AcceptedDomain
from tests.transport.dns.stub import Fault, StubDns
from transport.checks.domain_dns import Findings, find
from transport.checks.verdicts import Purpose, Verdict

DOMAIN = AcceptedDomain(domain="contoso.example", verification_token="abc")


@pytest.fixture(autouse=True)
def _our_place(settings: Settings, dns_stub: StubDns) -> None:
    settings.POSTROOM_HOSTNAME = "mail.ours.example"
    settings.POSTROOM_BIND = "127.0.0.1"
    dns_stub.add("mail.ours.example", "A", "192.0.2.1")
    dns_stub.add("other.example", "A", "198.51.100.7")


def codes(findings: Findings) -> dict[Purpose, str]:
    return {record.purpose: record.code.removeprefix("checks.") for record in findings.records}


async def test_a_zone_in_order_passes_throughout(dns_stub: StubDns) -> None:
    dns_stub.add("contoso.example", "MX", "10 mail.ours.example.")
    dns_stub.add("contoso.example", "TXT", '"v=spf1 mx -all"', '"something else"')
    dns_stub.add("_postroom.contoso.example", "TXT", '"postroom-verification=abc"')
    dns_stub.add("_dmarc.contoso.example", "TXT", '"v=DMARC1; p=none"')
    findings = await find(DOMAIN, dns_stub.resolver())
    assert (findings.proof_seen, findings.resolvable) == (True, True)
    assert {record.verdict for record in findings.records} == {Verdict.PASSED}


async def test_an_unknown_domain_says_what_to_publish(dns_stub: StubDns) -> None:
    findings = await find(DOMAIN, dns_stub.resolver())
    assert (findings.proof_seen, findings.resolvable) == (False, False)
    assert codes(findings) == {
        Purpose.VERIFICATION: "proof_missing",
        Purpose.MX: "mx_missing",
        Purpose.SPF: "spf_missing",
        Purpose.DMARC: "dmarc_missing",
    }


@pytest.mark.parametrize(
    ("mx", "code"),
    [
        (["10 other.example."], "mx_elsewhere"),
        (["10 mail.ours.example.", "20 other.example."], "mx_partly"),
        (["0 ."], "mx_null"),
    ],
)
async def test_mx_is_judged_by_where_it_leads(dns_stub: StubDns, mx: list[str], code: str) -> None:
    dns_stub.add("contoso.example", "MX", *mx)
    assert codes(await find(DOMAIN, dns_stub.resolver()))[Purpose.MX] == code


async def test_a_server_that_fails_says_nothing_about_the_zone(dns_stub: StubDns) -> None:
    for name in ("contoso.example", "_postroom.contoso.example", "_dmarc.contoso.example"):
        for rdtype in ("MX", "TXT", "A", "AAAA"):
            dns_stub.fail(name, rdtype, Fault.SERVFAIL)
    findings = await find(DOMAIN, dns_stub.resolver())
    assert findings.resolvable is None
    assert {record.verdict for record in findings.records} == {Verdict.UNKNOWN}


async def test_another_tenants_proof_does_not_count(dns_stub: StubDns) -> None:
    dns_stub.add("_postroom.contoso.example", "TXT", '"postroom-verification=theirs"')
    findings = await find(DOMAIN, dns_stub.resolver())
    assert not findings.proof_seen
    assert codes(findings)[Purpose.VERIFICATION] == "proof_other"
