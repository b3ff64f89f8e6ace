"""G5, 2.14, 2.15: no record and no smart host leads us to ourselves or into private networks; told once, and why."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.dns.stub import Fault, StubDns
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send
from transport.models import Delivery, MailboxMessage, Queue, TrackingEvent

pytestmark = WITH_WORKERS
LOOP, FORBIDDEN = "5.4.6", "5.4.4"
ADDRESSES = {
    "A 127.0.0.1": LOOP,
    "A 127.9.9.9": LOOP,
    "A 10.0.0.1": FORBIDDEN,
    "A 172.16.0.1": FORBIDDEN,
    "A 192.168.1.1": FORBIDDEN,
    "A 169.254.169.254": FORBIDDEN,
    "A 100.64.0.1": FORBIDDEN,
    "A 0.0.0.0": FORBIDDEN,
    "AAAA ::1": LOOP,
    "AAAA ::ffff:127.0.0.1": LOOP,
    "AAAA ::ffff:10.0.0.1": FORBIDDEN,
    "AAAA fe80::1": FORBIDDEN,
    "AAAA fc00::1": FORBIDDEN,
    "AAAA 64:ff9b::7f00:1": LOOP,
    "AAAA 2002:7f00:1::": LOOP,
}


def notices() -> list[bytes]:
    return [bytes(letter.body.content) for letter in MailboxMessage.objects.select_related("body").order_by("id")]


@pytest.fixture
def nowhere_private(committed: None, settings: Settings) -> None:
    settings.POSTROOM_PRIVATE_NETWORKS = []


@pytest.mark.usefixtures("nowhere_private")
def test_2_14_mail_hosts_at_private_addresses_end_in_one_notice_that_says_why(
    contoso: Contoso, name_server: StubDns
) -> None:
    factories.make_send_connector(contoso.tenant, port=25)
    ids = {}
    for number, record in enumerate(ADDRESSES):
        rdtype, address = record.split()
        name_server.add(f"d{number}.example", "MX", f"10 mx.d{number}.example.")
        name_server.add(f"mx.d{number}.example", rdtype, address)
        ids[record] = send(contoso.alice_mailbox, f"x@d{number}.example")
    deliver(60)
    failures = {row.message_id: row for row in TrackingEvent.objects.filter(event_id="FAIL")}
    assert {record: failures[ids[record]].enhanced for record in ids} == ADDRESSES
    assert not Delivery.objects.exists()
    told = notices()
    assert len(told) == len(ADDRESSES)
    assert sum(b"Status: 5.4.6" in notice for notice in told) == list(ADDRESSES.values()).count(LOOP)
    assert any(b"loopback, private or reserved" in notice for notice in told)


@pytest.mark.usefixtures("nowhere_private")
def test_2_15_smart_hosts_are_held_to_the_same(contoso: Contoso, name_server: StubDns) -> None:
    names = {"inside.example": ("A", "10.0.0.9"), "wrapped.example": ("AAAA", "::ffff:127.0.0.1")}
    for name, (rdtype, address) in names.items():
        name_server.add(name, rdtype, address)
    expected = {"inside.example": FORBIDDEN, "wrapped.example": LOOP, "10.0.0.1": FORBIDDEN, "::ffff:7f00:1": LOOP}
    ids = {}
    for number, host in enumerate(expected):
        factories.make_send_connector(contoso.tenant, f"d{number}.example", smart_hosts=[(host, 25)])
        ids[host] = send(contoso.alice_mailbox, f"x@d{number}.example")
    deliver(60)
    failures = {row.message_id: row for row in TrackingEvent.objects.filter(event_id="FAIL")}
    assert {host: failures[ids[host]].enhanced for host in ids} == expected
    assert len(notices()) == len(expected)


@pytest.mark.parametrize("host", ["gone.example", "2130706433", "0x7f000001", "nullmx.example"])
def test_a_smart_host_that_cannot_be_found_keeps_the_mail_and_names_the_connector(
    contoso: Contoso, name_server: StubDns, host: str
) -> None:
    """A slip in a connector sends no mail back; and numbers that some libraries take for addresses are names to us."""
    name_server.add("nullmx.example", "MX", "0 .")
    factories.make_send_connector(contoso.tenant, smart_hosts=[(host, 25)])
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert events_of(message_id)[-1] == ("DEFER", "DNS")
    queue = Queue.objects.get()
    assert (queue.last_error_reason, queue.last_error_code) == ("hop.no_endpoint", 451)
    assert host in queue.last_error_text
    assert notices() == []


def test_one_smart_host_in_doubt_and_one_unknown_is_doubt(contoso: Contoso, name_server: StubDns) -> None:
    name_server.fail("doubt.example", "MX", Fault.SERVFAIL)
    factories.make_send_connector(contoso.tenant, smart_hosts=[("gone.example", 25), ("doubt.example", 25)])
    send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    assert Queue.objects.get().last_error_reason == "dns.servfail"


def test_our_own_listener_is_known_in_whatever_spelling(
    contoso: Contoso, name_server: StubDns, settings: Settings
) -> None:
    settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    name_server.add("relay.example", "AAAA", "::ffff:127.0.0.1")
    port = settings.POSTROOM_SMTP_PORT
    for number, host in enumerate(("relay.example", "::ffff:127.0.0.1", "127.0.0.1")):
        factories.make_send_connector(contoso.tenant, f"d{number}.example", smart_hosts=[(host, port)])
        send(contoso.alice_mailbox, f"x@d{number}.example")
    deliver()
    told = TrackingEvent.objects.filter(event_id__in=["FAIL", "DEFER"]).order_by("id")
    # What the configuration shows keeps the mail until somebody mends it; what only DNS shows sends it back.
    assert sorted({row.reason for row in told}) == ["dns.loops_to_us", "route.loop"]


def rebinding(name_server: StubDns, monkeypatch: pytest.MonkeyPatch, name: str, first: str, then: str) -> None:
    """Answer the first question for an address truly, and later ones with another."""
    name_server.ttl = 0
    name_server.add(name, "A", first)
    answer = name_server.answer

    def changing(wire: bytes, transport: str) -> bytes | None:
        told = answer(wire, transport)
        if (name, "A", transport) in name_server.queries:
            name_server.records[name, "A"] = [then]
        return told

    monkeypatch.setattr(name_server, "answer", changing)


@pytest.mark.parametrize("kind", ["mx", "smart host"])
@pytest.mark.parametrize("first", ["127.0.0.1", "10.0.0.1"])
def test_2_15_what_is_checked_is_what_is_connected_to(
    contoso: Contoso,
    peer: StubSmtp,
    name_server: StubDns,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    first: str,
) -> None:
    """DNS rebinding: a second answer changes nothing, neither for better nor for worse."""
    then = "10.0.0.1" if first == "127.0.0.1" else "127.0.0.1"
    rebinding(name_server, monkeypatch, "mx.elsewhere.example", first, then)
    name_server.add("elsewhere.example", "MX", "10 mx.elsewhere.example.")
    if kind == "mx":
        factories.make_send_connector(contoso.tenant, port=peer.endpoint.port)
    else:
        factories.make_send_connector(contoso.tenant, smart_hosts=[("mx.elsewhere.example", peer.endpoint.port)])
    send(contoso.alice_mailbox, "x@elsewhere.example")
    deliver()
    [told] = TrackingEvent.objects.filter(event_id__in=["SEND", "FAIL"])
    assert told.event_id == ("SEND" if first == "127.0.0.1" else "FAIL")
    assert f" {first}:" in told.server_endpoint
    assert len(peer.messages) == (first == "127.0.0.1")
    assert [name for name, rdtype, _ in name_server.queries if rdtype == "A"] == ["mx.elsewhere.example"]
