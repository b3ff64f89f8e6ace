from __future__ import annotations

import asyncio
import os
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest

from postroom.lab import records
from postroom.lab.lab import Lab
from tests.postroom.lab.conftest import ask, values


@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        ("contoso.example", "MX", ["10 mx.contoso.example."]),
        ("MX.Contoso.Example", "A", ["127.0.0.1"]),
        ("contoso.example", "TXT", ['"v=spf1 ip4:127.0.0.1 -all"']),
        ("mail.contoso.example", "A", ["127.0.0.1"]),
        ("1.0.0.127.in-addr.arpa", "PTR", ["mail.contoso.example."]),
        ("northwind.example", "MX", ["10 mx.contoso.example."]),
        ("mx.fabrikam.example", "A", ["127.0.0.11"]),
        ("11.0.0.127.in-addr.arpa", "PTR", ["mx.fabrikam.example."]),
        ("humongous.example", "MX", ["fabrikam.example.", "10 mx.fabrikam.example."]),
        ("strict.example", "MX", ["10 mx.woodgrove.example."]),
        ("litware.example", "MX", ["0 ."]),
    ],
)
async def test_names_of_the_lab_have_their_records(lab: Lab, name: str, rdtype: str, expected: list[str]) -> None:
    assert await values(lab, name, rdtype) == expected


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode"),
    [
        ("nobody-has-this.example", "MX", dns.rcode.NXDOMAIN),
        ("lamna.example", "A", dns.rcode.NOERROR),
        ("lab.example", "A", dns.rcode.NOERROR),  # an empty non-terminal: ns.lab.example is below it
        ("exchange.local", "MX", dns.rcode.NXDOMAIN),
        ("99.0.0.127.in-addr.arpa", "PTR", dns.rcode.NXDOMAIN),
        ("gmail.com", "MX", dns.rcode.REFUSED),
        ("mx.servfail.example", "A", dns.rcode.SERVFAIL),
        ("contoso.example", "ANY", dns.rcode.REFUSED),
    ],
)
async def test_absence_has_its_code(lab: Lab, name: str, rdtype: str, rcode: dns.rcode.Rcode) -> None:
    response = await ask(lab, name, rdtype)
    assert response.rcode() == rcode
    assert not response.answer
    assert bool(response.authority) == (rcode in {dns.rcode.NXDOMAIN, dns.rcode.NOERROR})


async def test_silent_servers_never_answer(lab: Lab) -> None:
    query = dns.message.make_query("silent.example", "MX").to_wire()
    assert lab.dns.answer(query, datagram=True) is None


async def test_long_answers_are_cut_by_udp_and_whole_by_tcp(lab: Lab) -> None:
    folder = _folder(lab)
    records.publish(folder, "long.example", "TXT", [f"{number:03d}" * 60 for number in range(20)])
    cut, whole = await ask(lab, "long.example", "TXT"), await ask(lab, "long.example", "TXT", tcp=True)
    assert cut.flags & dns.flags.TC
    assert not cut.answer
    assert len(whole.answer[0]) == 20


async def test_nonsense_does_not_disturb_the_server(lab: Lab) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=lab.config.dns_server)
    for length in (0, 1, 11, 12, 500):
        transport.sendto(os.urandom(length))
    transport.close()
    _, writer = await asyncio.open_connection(*lab.config.dns_server)
    writer.write(b"\x00\x05hello")
    assert await values(lab, "mx.contoso.example", "A") == ["127.0.0.1"]
    writer.close()
    await writer.wait_closed()


async def test_a_record_published_at_run_time_is_in_the_next_answer(lab: Lab) -> None:
    folder = _folder(lab)
    assert (await ask(lab, "_postroom.northwind.example", "TXT")).rcode() == dns.rcode.NXDOMAIN
    records.publish_domain("northwind.example", "postroom-verification=abc", folder=folder)
    assert await values(lab, "_postroom.northwind.example", "TXT") == ['"postroom-verification=abc"']
    records.publish_domain("northwind.example", "postroom-verification=xyz", folder=folder)
    assert await values(lab, "_postroom.northwind.example", "TXT") == ['"postroom-verification=xyz"']


async def test_a_new_domain_of_a_tenant_gets_mx_and_spf_too(lab: Lab) -> None:
    records.publish_domain("brand-new.example", "postroom-verification=abc", folder=_folder(lab))
    assert await values(lab, "brand-new.example", "MX") == ["10 mx.contoso.example."]
    assert await values(lab, "brand-new.example", "TXT") == ['"v=spf1 include:contoso.example -all"']


async def test_published_records_replace_remove_and_give_back_the_labs_own(lab: Lab) -> None:
    folder, pointer = _folder(lab), "1.0.0.127.in-addr.arpa"
    records.publish(folder, pointer, "PTR", ["elsewhere.example."])
    assert await values(lab, pointer, "PTR") == ["elsewhere.example."]
    records.publish(folder, pointer, "PTR", [])
    assert (await ask(lab, pointer, "PTR")).rcode() == dns.rcode.NXDOMAIN
    records.withdraw(folder, pointer, "PTR")
    assert await values(lab, pointer, "PTR") == ["mail.contoso.example."]


async def test_a_broken_record_file_spoils_no_other(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    folder = _folder(lab)
    records.publish(folder, "good.example", "A", ["127.0.0.9"])
    (folder / "bad.json").write_text('{"name": "bad.example", "type": "A", "values": ["no address"]}')
    (folder / "worse.json").write_text("[")
    assert await values(lab, "good.example", "A") == ["127.0.0.9"]
    assert "bad.json" in caplog.text


@pytest.mark.parametrize("value", ["no address", "127.0.0.1.9"])
def test_what_cannot_be_served_is_not_published(tmp_path: Path, value: str) -> None:
    with pytest.raises(Exception, match=r"."):
        records.publish(tmp_path, "x.example", "A", [value])
    assert not list(tmp_path.iterdir())


async def test_alias_loops_end(lab: Lab) -> None:
    records.publish(_folder(lab), "a.example", "CNAME", ["b.example."])
    records.publish(_folder(lab), "b.example", "CNAME", ["a.example."])
    assert (await ask(lab, "a.example", "A")).rcode() == dns.rcode.SERVFAIL


def _folder(lab: Lab) -> Path:
    assert lab.config.records_folder is not None
    return lab.config.records_folder
