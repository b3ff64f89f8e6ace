"""Single look-ups: absent is an empty answer, in doubt is an exception."""

from __future__ import annotations

import pytest

from tests.transport.dns.stub import Fault, StubDns
from transport.dns.failures import DnsTemporary
from transport.dns.lookups import domain_exists, lookup_addresses, lookup_mx_names, lookup_ptr, lookup_txt
from transport.dns.resolver import Resolver


async def test_txt_strings_are_joined(dns_stub: StubDns) -> None:
    dns_stub.add("_dmarc.contoso.example", "TXT", '"v=DMARC1; " "p=none"')
    assert await lookup_txt("_dmarc.contoso.example", dns_stub.resolver()) == ("v=DMARC1; p=none",)


async def test_txt_bytes_that_are_no_text_are_shown_as_such(dns_stub: StubDns) -> None:
    dns_stub.add("contoso.example", "TXT", '"\\255"')
    assert await lookup_txt("contoso.example", dns_stub.resolver()) == ("\ufffd",)


async def test_unknown_names_are_empty_answers(dns_stub: StubDns) -> None:
    resolver = dns_stub.resolver()
    assert await lookup_txt("nowhere.example", resolver) == ()
    assert await lookup_addresses("nowhere.example", resolver) == ()
    assert await lookup_mx_names("nowhere.example", resolver) == ()


async def test_a_reverse_look_up(dns_stub: StubDns) -> None:
    dns_stub.add("7.2.0.192.in-addr.arpa", "PTR", "Mail.contoso.example.")
    assert await lookup_ptr("192.0.2.7", dns_stub.resolver()) == ("mail.contoso.example",)


@pytest.mark.parametrize(
    ("rdtype", "value", "exists"),
    [("MX", "10 mx.example.", True), ("A", "192.0.2.1", True), ("MX", "0 .", False), ("TXT", '"x"', False)],
)
async def test_a_domain_exists_for_mail_with_an_mx_or_an_address(
    dns_stub: StubDns, rdtype: str, value: str, exists: bool
) -> None:
    dns_stub.add("contoso.example", rdtype, value)
    assert await domain_exists("contoso.example", dns_stub.resolver()) is exists


async def test_whether_a_domain_exists_is_unknown_while_its_servers_fail(dns_stub: StubDns) -> None:
    dns_stub.fail("contoso.example", "MX", Fault.SERVFAIL)
    with pytest.raises(DnsTemporary):
        await domain_exists("contoso.example", dns_stub.resolver())


async def test_the_second_name_server_answers_where_the_first_fails(dns_stub: StubDns) -> None:
    dns_stub.add("contoso.example", "A", "192.0.2.1")
    async with StubDns() as broken:
        broken.fail("contoso.example", "A", Fault.SERVFAIL)
        resolver = Resolver([broken.address, dns_stub.address], timeout=0.3, lifetime=0.8)
        assert await lookup_addresses("contoso.example", resolver) == ("192.0.2.1",)


async def test_a_cached_answer_is_not_asked_for_again(dns_stub: StubDns) -> None:
    dns_stub.add("contoso.example", "TXT", '"x"')
    resolver = Resolver([dns_stub.address], cache_size=10)
    assert await lookup_txt("contoso.example", resolver) == await lookup_txt("contoso.example", resolver)
    assert len(dns_stub.queries) == 1
