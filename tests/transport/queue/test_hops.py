"""What becomes of messages at next hops that do not simply take them (reliability G5-G7)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from tenants.actions.actor import SYSTEM
from tenants.models import Mailbox
from tenants.secrets import encrypt
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.certificates import server_context
from tests.transport.delivery.stub import RESET, Script, StubSmtp
from tests.transport.dns.stub import Fault, StubDns
from tests.transport.workers import WITH_WORKERS, Running, deliver, events_of, send
from transport.actions.queue import remove_message, retry_queue, suspend_message
from transport.actions.send_connectors import change_send_connector
from transport.delivery.client import SmtpConnection
from transport.delivery.outcome import OutgoingMessage, RecipientOutcome
from transport.mailstore import deliver as deliver_module
from transport.models import Delivery, MailboxMessage, Message, Queue, SendConnector, TrackingEvent
from transport.queue.database import flow_conninfo
from transport.queue.sweep import sweep_once

pytestmark = WITH_WORKERS
ELSEWHERE = "x@elsewhere.example"


def test_a_closed_port_puts_the_queue_on_its_retry_clock(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    to_peer.smart_hosts.update(port=1)
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    queue, delivery = Queue.objects.get(), Delivery.objects.get()
    assert queue.next_retry_at is not None
    assert timedelta(seconds=50) < queue.next_retry_at - timezone.now() < timedelta(seconds=61)
    assert (queue.retry_count, queue.last_error_code, queue.last_error_reason) == (1, 451, "peer.connect_refused")
    assert queue.last_error_text.startswith("Primary target IP address responded with:")
    assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == ("retry", 1, queue.next_retry_at)
    assert events_of(message_id)[-1] == ("DEFER", "SMTP")


def test_a_peer_that_refuses_our_name_is_quoted_and_mending_the_name_lets_it_leave(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["ehlo"] = lambda line: (
        "250 mx.example" if line.endswith("mail.contoso.example") else "451 4.7.1 Helo does not match"
    )
    change_send_connector(actor=SYSTEM, connector=to_peer, fqdn="wrong.example")
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    queue = Queue.objects.get()
    assert (queue.last_error_phase, queue.last_error_reason) == ("helo", "peer.helo")
    assert queue.last_error_peer_text == "451 4.7.1 Helo does not match"
    assert queue.last_error_endpoint.endswith(f"127.0.0.1:{peer.endpoint.port}")
    change_send_connector(actor=SYSTEM, connector=to_peer, fqdn="mail.contoso.example")
    retry_queue(actor=SYSTEM, queue=queue)
    deliver()
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "DEFER", "SEND"]
    assert Queue.objects.get().last_error_text == ""


def test_g7_three_taken_two_refused_one_put_off_are_one_delivery_one_notice_one_retry(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    answers = {"no": "550 5.1.1 Unknown", "later": "450 4.2.1 Later"}
    peer.script["rcpt"] = lambda line: next((told for word, told in answers.items() if f"<{word}" in line), "250 Ok")
    names = ["a", "b", "c", "no1", "no2", "later"]
    message_id = send(contoso.alice_mailbox, *(f"{name}@elsewhere.example" for name in names))
    deliver()
    assert [len(message.rcpts) for message in peer.messages] == [3]
    assert [row.recipient for row in Delivery.objects.all()] == ["later@elsewhere.example"]
    assert sorted(events_of(message_id)[1:]) == [("DEFER", "SMTP"), ("DSN", "DSN"), ("FAIL", "SMTP"), ("SEND", "SMTP")]
    notice = bytes(MailboxMessage.objects.get().body.content)
    assert notice.count(b"Final-Recipient:") == 2
    told = TrackingEvent.objects.get(message_id=message_id, event_id="DSN")
    assert told.reference == str(MailboxMessage.objects.get().message_id)


def test_a_peer_that_does_not_know_the_chunks_it_offers_gets_the_message_at_once_another_way(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.extensions = ("PIPELINING", "CHUNKING")
    peer.script["bdat"] = "502 5.5.1 What?"
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "DEFER", "SEND"]
    assert len(peer.messages) == 1
    assert Queue.objects.get().retry_count == 0


@pytest.mark.parametrize("phase", ["greeting", "ehlo", "mail", "rcpt", "data", "final"])
def test_a_connection_cut_at_any_phase_is_a_delay_with_a_reason(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, phase: str
) -> None:
    peer.script[phase] = RESET
    send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    delivery, queue = Delivery.objects.get(), Queue.objects.get()
    assert (delivery.state, delivery.attempts) == ("retry", 1)
    assert delivery.last_error_reason
    assert queue.next_retry_at is not None
    assert queue.connecting_until is None


def test_what_a_dropped_connection_left_unsent_is_not_counted_as_tried(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    to_peer.smart_hosts.update(port=peer.endpoint.port)
    peer.script["mail"] = "421 4.3.2 Going down"
    for _ in range(3):
        send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert sorted(Delivery.objects.values_list("state", "attempts")) == [("ready", 0), ("ready", 0), ("retry", 1)]


def dns_connector(contoso: Contoso, port: int) -> SendConnector:
    return factories.make_send_connector(contoso.tenant, name="Internet", port=port)


def test_mail_goes_to_the_hosts_that_dns_names(contoso: Contoso, peer: StubSmtp, name_server: StubDns) -> None:
    dns_connector(contoso, peer.endpoint.port)
    name_server.add("elsewhere.example", "MX", "10 mx.elsewhere.example.")
    name_server.add("mx.elsewhere.example", "A", "127.0.0.1")
    send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert len(peer.messages) == 1
    assert TrackingEvent.objects.get(event_id="SEND").server_endpoint.startswith("mx.elsewhere.example 127.0.0.1:")


@pytest.mark.parametrize(
    ("records", "reason", "code"),
    [
        ([], "dns.no_such_domain", "5.1.2"),
        ([("MX", "0 .")], "dns.null_mx", "5.1.10"),
        ([("MX", "10 mail.contoso.example.")], "dns.loops_to_us", "5.4.6"),
    ],
)
def test_g5_a_domain_that_takes_no_mail_from_us_is_told_to_the_sender(
    contoso: Contoso,
    name_server: StubDns,
    settings: Settings,
    records: list[tuple[str, str]],
    reason: str,
    code: str,
) -> None:
    settings.POSTROOM_HOSTNAME = "mail.contoso.example"
    dns_connector(contoso, 25)
    name_server.add("mail.contoso.example", "A", "127.0.0.1")
    for rdtype, value in records:
        name_server.add("elsewhere.example", rdtype, value)
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    failure = TrackingEvent.objects.get(message_id=message_id, event_id="FAIL")
    assert (failure.source, failure.reason, failure.enhanced) == ("DNS", reason, code)
    assert MailboxMessage.objects.get(mailbox=contoso.alice_mailbox).subject == "Undeliverable: Hi"
    assert not Delivery.objects.exists()


def test_g5_a_failing_name_server_is_a_delay(contoso: Contoso, name_server: StubDns) -> None:
    dns_connector(contoso, 25)
    name_server.fail("elsewhere.example", "MX", Fault.SERVFAIL)
    send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    queue = Queue.objects.get()
    assert (queue.last_error_phase, queue.last_error_reason, queue.retry_count) == ("dns", "dns.servfail", 1)


def test_a_private_address_is_never_connected_to(contoso: Contoso, peer: StubSmtp, settings: Settings) -> None:
    settings.POSTROOM_PRIVATE_NETWORKS = []
    factories.make_send_connector(contoso.tenant, smart_hosts=[("10.0.0.1", 25)])
    send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert TrackingEvent.objects.get(event_id="FAIL").enhanced == "5.4.4"


def test_our_own_listener_as_smart_host_is_a_loop(contoso: Contoso, name_server: StubDns, settings: Settings) -> None:
    factories.make_send_connector(contoso.tenant, smart_hosts=[("relay.example", settings.POSTROOM_SMTP_PORT)])
    name_server.add("relay.example", "A", "127.0.0.1")
    send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    assert TrackingEvent.objects.get(event_id="FAIL").enhanced == "5.4.6"


def test_what_was_suspended_or_removed_in_flight_ends_so_when_the_attempt_fails(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    suspended, removed = (send(contoso.alice_mailbox, ELSEWHERE) for _ in range(2))

    def steer(line: str) -> str:
        """Act as an administrator would while the peer takes its time."""
        with psycopg.connect(flow_conninfo()) as flow:
            for pending, message_id in (("suspend", suspended), ("remove", removed)):
                flow.execute("UPDATE transport_delivery SET pending = %s WHERE message_id = %s", [pending, message_id])
        return "450 4.2.0 Later"

    peer.script["mail"] = steer
    deliver()
    assert Delivery.objects.get().state == "suspended"
    assert Delivery.objects.get().message_id == suspended
    assert events_of(removed)[-1] == ("DROP", "ADMIN")


def test_a_message_removed_with_a_notice_comes_back_to_its_sender(contoso: Contoso) -> None:

    message = Message.objects.get(pk=send(contoso.alice_mailbox, ELSEWHERE))
    suspend_message(actor=SYSTEM, message=message)
    remove_message(actor=SYSTEM, message=message, with_ndr=True)
    sweep_once()
    deliver()
    assert events_of(message.pk)[-2:] == [("FAIL", "ADMIN"), ("DSN", "DSN")]
    assert MailboxMessage.objects.get().subject == "Undeliverable: Hi"


def test_a_stranger_is_told_by_a_notice_through_the_tenants_connector(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    Message.objects.update(sender="carl@elsewhere.example", incoming=True)
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(quota=1)
    deliver()
    assert events_of(message_id)[-2:] == [("FAIL", "STOREDRIVER"), ("DSN", "DSN")]
    assert [message.mail.split()[0] for message in peer.messages] == ["MAIL"]
    assert "FROM:<>" in peer.messages[0].mail
    assert b"From: Mail delivery <postmaster@" in peer.messages[0].content


def test_a_message_that_trips_us_up_holds_up_nobody_behind_it(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [send(contoso.alice_mailbox, ELSEWHERE, "bob@contoso.example") for _ in range(3)]
    take, keep = SmtpConnection.send, deliver_module.to_header
    broken = {str(ids[0])}

    async def send_or_trip(self: SmtpConnection, message: OutgoingMessage) -> list[RecipientOutcome]:
        if str(message.key) in broken:
            raise ValueError("a fault of ours")
        return await take(self, message)

    def read_or_trip(header: bytes) -> str:
        if not broken:
            return keep(header)
        broken.clear()
        raise ValueError("a fault of ours")

    monkeypatch.setattr(SmtpConnection, "send", send_or_trip)
    deliver()
    assert len(peer.messages) == 2
    monkeypatch.setattr(deliver_module, "to_header", read_or_trip)
    send(contoso.alice_mailbox, "bob@contoso.example")
    deliver()
    assert MailboxMessage.objects.filter(mailbox=contoso.bob_mailbox).count() == 4
    assert Delivery.objects.get().last_error_reason == "delivery.internal"


def test_each_recipient_s_event_says_where_how_encrypted_how_much_and_how_long(
    contoso: Contoso, to_peer: SendConnector, tmp_path: Path
) -> None:
    """Partial success in one transaction over TLS; then a log-in that fails after the encryption stands."""
    context, _ = server_context(tmp_path)
    answers = {"no": "550 5.1.1 Unknown", "later": "450 4.2.1 Later"}
    script: dict[str, Script] = {
        "rcpt": lambda line: next((told for word, told in answers.items() if f"<{word}" in line), "250 2.1.5 Ok")
    }
    with Running(stub := StubSmtp(script, ("STARTTLS", "AUTH PLAIN"), context)):
        to_peer.smart_hosts.update(port=stub.endpoint.port)
        send(contoso.alice_mailbox, *(f"{name}@elsewhere.example" for name in ("yes", "no", "later")))
        deliver()
        told = {row.event_id: row for row in TrackingEvent.objects.filter(event_id__in=["SEND", "FAIL", "DEFER"])}
        assert {name: (row.recipients, row.enhanced) for name, row in told.items()} == {
            "SEND": (["yes@elsewhere.example"], "2.0.0"),
            "FAIL": (["no@elsewhere.example"], "5.1.1"),
            "DEFER": (["later@elsewhere.example"], "4.2.1"),
        }
        detail: dict[str, Any] = {name: row.detail for name, row in told.items()}
        for name, row in told.items():
            assert row.server_endpoint == f"127.0.0.1 127.0.0.1:{stub.endpoint.port}"
            assert detail[name]["tls"]["version"] == "TLSv1.3"
            assert detail[name]["tls"]["cipher"]
            assert detail[name]["milliseconds"] >= 0
        assert detail["SEND"]["bytes"] > len(stub.messages[0].content)
        assert "bytes" not in detail["FAIL"]

        script["auth"] = "535 5.7.8 Wrong"
        SendConnector.objects.update(auth="basic", username="us", password_encrypted=encrypt("secret"))
        Queue.objects.update(next_retry_at=None)
        Delivery.objects.update(next_attempt_at=timezone.now())
        deliver()
        refused = TrackingEvent.objects.filter(event_id="DEFER").latest("id")
        facts: Any = refused.detail
        assert (refused.reason, facts["phase"], facts["tls"]["version"]) == ("peer.auth", "auth", "TLSv1.3")
        assert facts["milliseconds"] >= 0
