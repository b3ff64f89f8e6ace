"""What a send connector asks for shows in how its mail leaves: TLS levels, time limits, error policies, LMTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tenants.actions.actor import SYSTEM
from tests import factories
from tests.conftest import Contoso
from tests.expect import refused
from tests.transport.delivery.certificates import server_context
from tests.transport.delivery.stub import SILENCE, StubSmtp
from tests.transport.dns.stub import StubDns
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send
from transport.actions.send_connectors import HostInput, SpaceInput, change_send_connector, create_send_connector
from transport.models import Delivery, Queue, SendConnector, TrackingEvent
from transport.queue.database import connect_flow
from transport.queue.destinations import HostPlaces

pytestmark = WITH_WORKERS
ELSEWHERE = "x@elsewhere.example"


def detail_of(event: TrackingEvent) -> dict[str, Any]:
    assert isinstance(event.detail, dict)
    return event.detail


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return server_context(Path(tmp_path_factory.mktemp("right")))


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return server_context(Path(tmp_path_factory.mktemp("strange")))


@pytest.mark.parametrize(
    ("level", "name", "is_known", "is_sent", "is_verified"),
    [
        ("opportunistic", "", False, True, False),
        ("required", "", False, True, False),
        ("certificate_validation", "", False, False, False),
        ("certificate_validation", "", True, True, True),
        ("domain_validation", "mx.example", True, True, True),
        ("domain_validation", "other.example", True, False, False),
        ("domain_validation", "mx.example", False, False, False),
    ],
)
def test_a_level_of_tls_takes_only_certificates_that_are_good_enough(
    contoso: Contoso,
    peer: StubSmtp,
    to_peer: SendConnector,
    settings: Settings,
    right: Any,
    strange: Any,
    *,
    level: str,
    name: str,
    is_known: bool,
    is_sent: bool,
    is_verified: bool,
) -> None:
    peer.tls, peer.extensions = (right if is_known else strange)[0], ("STARTTLS", "PIPELINING")
    settings.POSTROOM_CA_FILE = right[1]
    change_send_connector(actor=SYSTEM, connector=to_peer, tls=level, tls_domain=name)
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert [message.tls for message in peer.messages] == [True] * is_sent
    if is_sent:
        facts = detail_of(TrackingEvent.objects.get(message_id=message_id, event_id="SEND"))["tls"]
        assert (facts["version"], facts["verified"]) == ("TLSv1.3", is_verified)
    else:
        assert Queue.objects.get().last_error_reason == "peer.certificate"


def test_without_a_name_the_certificate_has_to_be_the_recipients_domains(
    contoso: Contoso, peer: StubSmtp, name_server: StubDns, settings: Settings, right: Any
) -> None:
    peer.tls, peer.extensions, settings.POSTROOM_CA_FILE = right[0], ("STARTTLS",), right[1]
    factories.make_send_connector(contoso.tenant, port=peer.endpoint.port, tls="domain_validation")
    for domain in ("mx.example", "elsewhere.example"):
        name_server.add(domain, "A", "127.0.0.1")
    send(contoso.alice_mailbox, "x@mx.example", ELSEWHERE)
    deliver()
    assert [message.rcpts for message in peer.messages] == [["RCPT TO:<x@mx.example>"]]
    assert Queue.objects.get(next_hop_domain="elsewhere.example").last_error_reason == "peer.certificate"


def test_a_peer_that_stays_silent_is_given_up_when_the_connector_says_so(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["greeting"] = SILENCE
    change_send_connector(actor=SYSTEM, connector=to_peer, connection_inactivity_timeout=timedelta(seconds=1))
    send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert (Queue.objects.get().last_error_reason, Queue.objects.get().last_error_phase) == ("peer.timeout", "greeting")


def test_error_policies_go_on_trying_or_give_up_at_once_and_say_so(
    contoso: Contoso, as_alice: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    answers = {"no@": "550 5.7.1 Refused", "full@": "452 4.2.2 Full", "unknown@": "550 5.1.1 Unknown"}
    peer.script["rcpt"] = lambda line: next((told for word, told in answers.items() if f"<{word}" in line), "250 Ok")
    policies = ["550 5.7.1 transient", "4xx 4.2.x permanent"]
    change_send_connector(actor=SYSTEM, connector=to_peer, error_policies=policies)
    message_id = send(contoso.alice_mailbox, *(f"{name}@elsewhere.example" for name in ("no", "full", "unknown")))
    deliver()
    assert [row.recipient for row in Delivery.objects.all()] == ["no@elsewhere.example"]
    told = {
        row.recipients[0].partition("@")[0]: (row.event_id, detail_of(row).get("error_policy"))
        for row in TrackingEvent.objects.filter(message_id=message_id, event_id__in=["FAIL", "DEFER"])
    }
    assert told == {
        "no": ("DEFER", "550 5.7.1 transient"),
        "full": ("FAIL", "4xx 4.2.x permanent"),
        "unknown": ("FAIL", None),
    }
    shown = as_alice.get(f"/tracking/{message_id}/").content.decode()
    assert "error policy “550 5.7.1 transient”" in shown


def test_a_domain_that_does_not_exist_yet_is_waited_for_where_the_connector_says_so(
    contoso: Contoso, name_server: StubDns
) -> None:
    factories.make_send_connector(contoso.tenant, error_policies=["dns transient"])
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert events_of(message_id)[-1] == ("DEFER", "DNS")
    assert Queue.objects.get().last_error_reason == "dns.no_such_domain"


def test_a_mail_store_is_reached_by_lmtp(contoso: Contoso, peer: StubSmtp, to_peer: SendConnector) -> None:
    peer.lmtp = True
    peer.script["final"] = lambda line: "550 5.2.1 Gone" if "gone" in line else "250 2.0.0 Kept"
    change_send_connector(actor=SYSTEM, connector=to_peer, protocol="lmtp")
    message_id = send(contoso.alice_mailbox, ELSEWHERE, "gone@elsewhere.example")
    deliver()
    assert peer.commands[0].startswith("LHLO ")
    assert sorted(name for name, _ in events_of(message_id)[1:]) == ["DSN", "FAIL", "SEND"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"protocol": "lmtp", "smart_hosts": [HostInput("store.example")]}, "connector.lmtp_port"),
        ({"protocol": "lmtp", "routing": "dns"}, "connector.lmtp_needs_smart_host"),
        ({"protocol": "uucp"}, "connector.invalid_choice"),
        ({"tls": "domain_validation"}, "connector.no_tls_domain"),
        ({"tls": "domain_validation", "tls_domain": "not a name"}, "domain.invalid"),
        ({"error_policies": ["250 permanent"]}, "connector.invalid_error_policy"),
        ({"error_policies": ["550 transient"] * 51}, "connector.too_many_error_policies"),
        ({"max_connections_per_host": 21}, "connector.out_of_range"),
        ({"connect_timeout": timedelta(0)}, "connector.out_of_range"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(contoso: Contoso, fields: dict[str, Any], code: str) -> None:
    plain: dict[str, Any] = {"routing": "smart_hosts", "smart_hosts": [HostInput("127.0.0.1")]}
    with refused(code):
        create_send_connector(
            actor=SYSTEM, tenant=contoso.tenant, name="a", address_spaces=[SpaceInput("*")], **plain | fields
        )


def test_a_connector_has_no_more_connections_to_a_host_than_it_may(committed: None) -> None:
    async def take() -> list[int]:
        async with await connect_flow("test") as flow:
            places = HostPlaces(flow, most=3)
            taken = [await places.take("192.0.2.1", connector=name, limit=limit) for name, limit in asked]
            freed = taken[0]
            assert freed is not None
            await places.give_back(freed)
            taken.append(await places.take("192.0.2.1", connector="a", limit=1))
            return [0 if place is None else 1 if place.own is None else 2 for place in taken]

    asked = [("a", 1), ("a", 1), ("b", 3), ("b", 3), ("b", 3)]
    assert asyncio.run(take()) == [2, 0, 1, 1, 0, 2]


def test_the_console_keeps_every_wish(contoso: Contoso, as_alice: Client) -> None:
    fields = {
        "name": "Store",
        "spaces": "*",
        "routing": "smart_hosts",
        "hosts": "store.example:24",
        "enabled": "on",
        "tls": "domain_validation",
        "tls_domain": "Store.Example",
        "protocol": "lmtp",
        "port": "25",
        "auth": "none",
        "max_connections_per_host": "2",
        "max_messages_per_connection": "7",
        "connect_seconds": "9",
        "idle_seconds": "90",
        "error_policies": "550 5.7.1 Transient\n\n4xx  4.2.x permanent",
    }
    assert as_alice.post("/send-connectors/new/", fields).status_code == 302
    row = SendConnector.objects.get()
    assert (row.tls, row.tls_domain, row.protocol) == ("domain_validation", "store.example", "lmtp")
    assert (row.max_connections_per_host, row.max_messages_per_connection) == (2, 7)
    assert (row.connect_timeout.seconds, row.connection_inactivity_timeout.seconds) == (9, 90)
    assert row.error_policies == ["550 5.7.1 transient", "4xx 4.2.x permanent"]
    shown = as_alice.get(f"/send-connectors/{row.pk}/").content.decode()
    for words in ("store.example:24", "4xx 4.2.x permanent", 'value="90"'):
        assert words in shown
    answer = as_alice.post(f"/send-connectors/{row.pk}/", fields | {"error_policies": "250 permanent"})
    assert (answer.status_code, "“250 permanent” is none" in answer.content.decode()) == (422, True)
