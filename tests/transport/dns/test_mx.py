"""Finding mail hosts (RFC 5321 5.1, RFC 7505; statements G5 and 2.14)."""

from __future__ import annotations

import pytest

from tests.transport.dns.stub import Fault, StubDns
from transport.dns.failures import (
    DnsTemporary,
    InvalidName,
    MailLoop,
    NoMailHost,
    NoSuchDomain,
    NullMx,
    TemporaryKind,
)
from transport.dns.mx import MAX_HOSTS, MailHost, MxLookup, resolve_mx, without_ourselves


async def test_hosts_come_by_preference_with_ipv4_first(dns_stub: StubDns) -> None:
    dns_stub.add("fabrikam.example", "MX", "20 b.fabrikam.example.", "10 A.fabrikam.example.")
    dns_stub.add("a.fabrikam.example", "AAAA", "2001:db8::1")
    dns_stub.add("a.fabrikam.example", "A", "192.0.2.1")
    dns_stub.add("b.fabrikam.example", "A", "192.0.2.2")
    lookup = await resolve_mx("fabrikam.example", dns_stub.resolver())
    assert lookup.hosts == (
        MailHost("a.fabrikam.example", 10, ("192.0.2.1", "2001:db8::1")),
        MailHost("b.fabrikam.example", 20, ("192.0.2.2",)),
    )
    assert not lookup.implicit


async def test_equal_preferences_share_the_load(dns_stub: StubDns) -> None:
    for host in ("a", "b"):
        dns_stub.add("fabrikam.example", "MX", f"10 {host}.example.")
        dns_stub.add(f"{host}.example", "A", "192.0.2.1")
    resolver = dns_stub.resolver()
    first = {(await resolve_mx("fabrikam.example", resolver)).hosts[0].name for _ in range(30)}
    assert first == {"a.example", "b.example"}


async def test_a_domain_without_mx_is_its_own_mail_host(dns_stub: StubDns) -> None:
    dns_stub.add("fabrikam.example", "A", "192.0.2.1")
    lookup = await resolve_mx("Fabrikam.example.", dns_stub.resolver())
    assert lookup == MxLookup((MailHost("fabrikam.example", 0, ("192.0.2.1",)),), implicit=True)


async def test_an_unknown_domain_is_permanent_5_1_2(dns_stub: StubDns) -> None:
    with pytest.raises(NoSuchDomain) as failure:
        await resolve_mx("nowhere.example", dns_stub.resolver())
    assert failure.value.permanent
    assert failure.value.reply.wire() == (
        "550 5.1.2 DNS query failed. The error was: SMTPSEND.DNS.NonExistentDomain; nonexistent domain"
    )


async def test_a_null_mx_is_permanent_5_1_10(dns_stub: StubDns) -> None:
    dns_stub.add("fabrikam.example", "MX", "0 .")
    dns_stub.add("fabrikam.example", "A", "192.0.2.1")
    with pytest.raises(NullMx) as failure:
        await resolve_mx("fabrikam.example", dns_stub.resolver())
    assert (failure.value.reply.code, failure.value.reply.enhanced) == (556, "5.1.10")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.SERVFAIL, TemporaryKind.SERVFAIL),
        (Fault.REFUSED, TemporaryKind.REFUSED),
        (Fault.SILENT, TemporaryKind.TIMEOUT),
        (Fault.GARBAGE, TemporaryKind.TIMEOUT),
        (Fault.OTHER_ID, TemporaryKind.TIMEOUT),
        (Fault.TRUNCATED_WITHOUT_TCP, TemporaryKind.UNREACHABLE),
    ],
)
async def test_every_doubt_is_temporary_and_never_falls_back_to_the_address(
    dns_stub: StubDns, fault: Fault, kind: TemporaryKind
) -> None:
    dns_stub.fail("fabrikam.example", "MX", fault)
    dns_stub.add("fabrikam.example", "A", "192.0.2.1")
    with pytest.raises(DnsTemporary) as failure:
        await resolve_mx("fabrikam.example", dns_stub.resolver())
    assert failure.value.kind is kind
    assert not failure.value.permanent
    assert (failure.value.reply.code, failure.value.reason_code) == (451, f"dns.{kind}")


async def test_no_name_server_at_all_is_temporary(dns_stub: StubDns) -> None:
    resolver = dns_stub.resolver()
    await dns_stub.__aexit__(None, None, None)
    with pytest.raises(DnsTemporary) as failure:
        await resolve_mx("fabrikam.example", resolver)
    assert failure.value.kind in (TemporaryKind.UNREACHABLE, TemporaryKind.TIMEOUT)


async def test_a_truncated_answer_is_asked_for_again_by_tcp(dns_stub: StubDns) -> None:
    dns_stub.fail("fabrikam.example", "MX", Fault.TRUNCATED)
    dns_stub.add("fabrikam.example", "MX", "10 mx.example.")
    dns_stub.add("mx.example", "A", "192.0.2.1")
    assert (await resolve_mx("fabrikam.example", dns_stub.resolver())).hosts[0].name == "mx.example"
    assert ("fabrikam.example", "MX", "tcp") in dns_stub.queries


async def test_records_about_another_name_are_not_believed(dns_stub: StubDns) -> None:
    dns_stub.fail("fabrikam.example", "MX", Fault.OTHER_NAME)
    with pytest.raises(NoMailHost):
        await resolve_mx("fabrikam.example", dns_stub.resolver())


async def test_an_alias_as_mail_host_is_followed(dns_stub: StubDns) -> None:
    dns_stub.add("fabrikam.example", "MX", "10 alias.example.")
    dns_stub.add("alias.example", "CNAME", "real.example.")
    dns_stub.add("real.example", "A", "192.0.2.9")
    lookup = await resolve_mx("fabrikam.example", dns_stub.resolver())
    assert lookup.hosts == (MailHost("alias.example", 10, ("192.0.2.9",)),)


async def test_aliases_in_a_circle_end(dns_stub: StubDns) -> None:
    dns_stub.add("a.example", "CNAME", "b.example.")
    dns_stub.add("b.example", "CNAME", "a.example.")
    with pytest.raises(DnsTemporary) as failure:
        await resolve_mx("a.example", dns_stub.resolver())
    assert failure.value.kind is TemporaryKind.CNAME_LOOP


async def test_one_host_in_doubt_does_not_spoil_the_other(dns_stub: StubDns) -> None:
    dns_stub.add("fabrikam.example", "MX", "10 broken.example.", "20 good.example.")
    dns_stub.fail("broken.example", "A", Fault.SERVFAIL)
    dns_stub.fail("broken.example", "AAAA", Fault.SERVFAIL)
    dns_stub.add("good.example", "A", "192.0.2.2")
    assert [host.name for host in (await resolve_mx("fabrikam.example", dns_stub.resolver())).hosts] == ["good.example"]


async def test_all_hosts_in_doubt_is_temporary(dns_stub: StubDns) -> None:
    dns_stub.add("fabrikam.example", "MX", "10 broken.example.", "20 unknown.example.")
    dns_stub.fail("broken.example", "A", Fault.SERVFAIL)
    with pytest.raises(DnsTemporary):
        await resolve_mx("fabrikam.example", dns_stub.resolver())


@pytest.mark.parametrize("target", ["192.0.2.1.", "1.", "unknown.example."])
async def test_a_target_that_is_no_host_leaves_no_mail_host(dns_stub: StubDns, target: str) -> None:
    dns_stub.add("fabrikam.example", "MX", f"10 {target}")
    dns_stub.add("192.0.2.1", "A", "192.0.2.1")
    with pytest.raises(NoMailHost) as failure:
        await resolve_mx("fabrikam.example", dns_stub.resolver())
    assert failure.value.reply.enhanced == "5.4.4"


async def test_the_address_nowhere_is_left_out(dns_stub: StubDns) -> None:
    dns_stub.add("fabrikam.example", "A", "0.0.0.0", "192.0.2.1")
    assert (await resolve_mx("fabrikam.example", dns_stub.resolver())).hosts[0].addresses == ("192.0.2.1",)


async def test_a_hundred_mail_hosts_are_cut_to_the_best_twenty(dns_stub: StubDns) -> None:
    for number in range(100):
        dns_stub.add("fabrikam.example", "MX", f"{number} mx{number}.example.")
        dns_stub.add(f"mx{number}.example", "A", "192.0.2.1")
    dns_stub.ttl = 0
    hosts = (await resolve_mx("fabrikam.example", dns_stub.resolver(lifetime=5))).hosts
    assert [host.name for host in hosts] == [f"mx{number}.example" for number in range(MAX_HOSTS)]


@pytest.mark.parametrize("domain", ["[192.0.2.7]", "192.0.2.7"])
async def test_an_address_literal_needs_no_look_up(dns_stub: StubDns, domain: str) -> None:
    assert (await resolve_mx(domain, dns_stub.resolver())).hosts[0].addresses == ("192.0.2.7",)
    assert dns_stub.queries == []


@pytest.mark.parametrize("domain", ["", "a..b", "x" * 64 + ".example", "a\\046b", "a b", "a\r\nb", "." * 300, "é" * 64])
async def test_names_that_cannot_exist_are_never_asked_for(dns_stub: StubDns, domain: str) -> None:
    with pytest.raises(InvalidName):
        await resolve_mx(domain, dns_stub.resolver())
    assert dns_stub.queries == []


async def test_an_international_name_is_asked_for_as_a_label(dns_stub: StubDns) -> None:
    dns_stub.add("xn--bcher-kva.example", "A", "192.0.2.1")
    assert (await resolve_mx("Bücher.example", dns_stub.resolver())).hosts[0].addresses == ("192.0.2.1",)


def _lookup(*hosts: tuple[str, int]) -> MxLookup:
    return MxLookup(tuple(MailHost(name, preference, ("192.0.2.1",)) for name, preference in hosts), implicit=False)


def test_hosts_not_better_than_ourselves_are_dropped() -> None:
    lookup = _lookup(("a.example", 5), ("us.example", 10), ("b.example", 10), ("c.example", 20))
    kept = without_ourselves("fabrikam.example", lookup, names={"us.example"})
    assert [host.name for host in kept.hosts] == ["a.example"]


def test_a_domain_that_leads_back_to_us_is_a_loop() -> None:
    with pytest.raises(MailLoop) as failure:
        without_ourselves("fabrikam.example", _lookup(("x.example", 10)), addresses={"192.0.2.1"})
    assert (failure.value.reply.code, failure.value.reply.enhanced) == (554, "5.4.6")
