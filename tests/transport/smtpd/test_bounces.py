"""What comes back late: a peer's notice is tied to the message it is about, and a dead address is not written to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tests import factories
from tests.conftest import Contoso
from tests.transport.dsn.test_report import BOB, PLAIN
from tests.transport.smtpd.conftest import PASSWORD, Client, Server
from tests.transport.smtpd.test_notices import ALICE, LETTER, hand_in
from tests.transport.workers import WITH_WORKERS
from transport.actions.suppressions import release_address
from transport.authentication.scram import make_verifier
from transport.dsn.report import Action, compose_delay, compose_failure
from transport.message.reply import Reply
from transport.models import MailboxMessage, Message, SendConnector, SuppressedAddress, TrackingEvent
from transport.queue.housekeeping import housekeep

pytestmark = WITH_WORKERS
GONE = "gone@elsewhere.example"
GONE_REPORT = replace(
    PLAIN,
    reporting_mta="mx.elsewhere.example",
    postmaster="postmaster@elsewhere.example",
    sender=ALICE,
    original=LETTER,
    recipients=(replace(BOB, address=GONE, orcpt=None, remote_mta="inner.elsewhere.example"),),
    timeline_url=None,
)


@pytest.fixture
def client(server: Server, committed: None) -> Iterator[Client]:
    with server.connect("submission") as connected:
        connected.start_tls()
        connected.log_in(ALICE)
        yield connected


@pytest.fixture
def sent(client: Client, to_peer: SendConnector) -> Message:
    """What Alice sent to an address that the peer took, and that is not there."""
    hand_in(client, f"<{GONE}>", "<there@elsewhere.example>")
    return Message.objects.get()


def comes_back(server: Server, notice: bytes, to: str = ALICE) -> None:
    """Let a stranger's notice arrive, as from the peer."""
    with server.connect() as stranger:
        stranger.ehlo()
        hand_in(stranger, f"<{to}>", sender="", content=notice)


def last_event(message: Message) -> TrackingEvent:
    row = TrackingEvent.objects.filter(message_id=message.pk).order_by("id").last()
    assert row is not None
    return row


def worded(status: str, reply: str) -> bytes:
    code, _, text = reply.partition(" ")
    recipient = replace(GONE_REPORT.recipients[0], status=status, reply=Reply(int(code), None, text))
    return compose_failure(replace(GONE_REPORT, recipients=(recipient,)))


def test_a_late_bounce_is_in_the_story_of_the_message_and_leads_to_the_notice(server: Server, sent: Message) -> None:
    comes_back(server, compose_failure(GONE_REPORT))
    told = last_event(sent)
    assert (told.event_id, told.source, told.recipients) == ("FAIL", "DSN", [GONE])
    assert (told.code, told.enhanced, told.reply) == (550, "5.1.1", "No such user here")
    assert (told.reason, told.server_endpoint) == ("report.failed", "inner.elsewhere.example")
    notice = MailboxMessage.objects.get(sender="", folder="inbox")
    assert told.reference == str(notice.message_id)
    back = TrackingEvent.objects.get(message_id=notice.message_id, event_id="REPORT")
    assert back.reference == str(sent.pk)


def test_what_came_back_is_refused_at_submission_until_it_is_released(
    server: Server, client: Client, sent: Message
) -> None:
    comes_back(server, compose_failure(GONE_REPORT))
    row = SuppressedAddress.objects.get()
    assert (row.address, row.reason, row.status, row.count) == (GONE, "peer.recipient_unknown", "5.1.1", 1)
    assert row.reply == "550 5.1.1 No such user here"
    assert row.expires_at - row.last_seen_at == timedelta(days=30)

    def answer(address: str) -> str:
        client.say("RSET")
        return client.envelope(ALICE, address)[1]

    refusal = "550 5.1.1 Earlier mail to this address came back; it is on your suppression list"
    server.wait_until(lambda: answer(GONE) == refusal)
    assert answer("GONE@Elsewhere.Example") == refusal
    assert answer("there@elsewhere.example").startswith("250")
    release_address(actor=SYSTEM, row=row)
    server.wait_until(lambda: answer(GONE).startswith("250"))


def test_an_address_is_written_to_again_when_its_time_is_over(server: Server, client: Client, sent: Message) -> None:
    comes_back(server, compose_failure(GONE_REPORT))
    SuppressedAddress.objects.update(expires_at=timezone.now())
    housekeep()
    assert not SuppressedAddress.objects.exists()
    server.wait_until(lambda: client.say("RSET") and client.envelope(ALICE, GONE)[1].startswith("250"))


def test_coming_back_again_counts_and_begins_the_time_anew(server: Server, sent: Message) -> None:
    comes_back(server, compose_failure(GONE_REPORT))
    SuppressedAddress.objects.update(expires_at=timezone.now() + timedelta(days=1))
    comes_back(server, compose_failure(GONE_REPORT))
    row = SuppressedAddress.objects.get()
    assert (row.count, row.first_seen_at < row.last_seen_at) == (2, True)
    assert row.expires_at > timezone.now() + timedelta(days=29)


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        ("5.2.2", "552 Mailbox full"),
        ("5.7.1", "550 Not allowed"),
        ("5.6.0", "554 Bad content"),
        ("5.1.1", "550 Blocked by our spam filter"),
        ("5.0.0", "550 User unknown"),
        ("5.4.7", "550 Expired"),
        ("5.1.1", "450 Try again"),
    ],
)
def test_what_may_pass_suppresses_nobody(server: Server, sent: Message, status: str, reply: str) -> None:
    comes_back(server, worded(status, reply))
    assert last_event(sent).event_id == "FAIL"
    assert not SuppressedAddress.objects.exists()


def test_a_delay_is_told_and_nothing_more(server: Server, sent: Message) -> None:
    recipient = replace(
        GONE_REPORT.recipients[0], action=Action.DELAYED, status="4.4.1", reply=Reply(451, "4.4.1", "Later")
    )
    comes_back(server, compose_delay(replace(GONE_REPORT, recipients=(recipient,))))
    told = last_event(sent)
    assert (told.event_id, told.reason, told.reply) == ("REPORT", "report.delayed", "Later")
    assert not SuppressedAddress.objects.exists()


def test_nobody_is_suppressed_whom_the_message_did_not_go_to(server: Server, sent: Message) -> None:
    recipient = replace(GONE_REPORT.recipients[0], address="somebody@elsewhere.example")
    comes_back(server, compose_failure(replace(GONE_REPORT, recipients=(recipient,))))
    assert last_event(sent).event_id == "SEND"
    assert not SuppressedAddress.objects.exists()


def test_a_forged_notice_to_another_mailbox_or_about_an_unknown_message_counts_for_nothing(
    server: Server, sent: Message
) -> None:
    comes_back(server, compose_failure(GONE_REPORT), to="bob@contoso.example")
    unknown = LETTER.replace(b"<1@contoso.example>", b"<2@contoso.example>")
    comes_back(server, compose_failure(replace(GONE_REPORT, original=unknown)))
    assert last_event(sent).event_id == "SEND"
    assert not SuppressedAddress.objects.exists()


def test_where_somebody_is_forwarded_to_is_no_address_of_ours(
    server: Server, client: Client, to_peer: SendConnector
) -> None:
    hand_in(client, "<forwarded@elsewhere.example>")
    message = Message.objects.get()
    recipient = replace(GONE_REPORT.recipients[0], address="inner@third.example")
    comes_back(server, compose_failure(replace(GONE_REPORT, recipients=(recipient,))))
    assert last_event(message).recipients == ["forwarded@elsewhere.example"]
    assert not SuppressedAddress.objects.exists()


def test_a_notice_that_cannot_be_read_is_delivered_all_the_same(contoso: Contoso, server: Server) -> None:
    broken = (
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"Reporting-MTA\r\n\r\nAction: failed\r\n" * 1_000
    )
    comes_back(server, broken)
    assert MailboxMessage.objects.filter(mailbox=contoso.alice_mailbox).count() == 1


def test_another_tenant_may_go_on_writing(server: Server, sent: Message) -> None:
    comes_back(server, compose_failure(GONE_REPORT))
    domain = factories.make_domain(factories.make_tenant("fabrikam"), "fabrikam.example")
    factories.make_mailbox(domain, "carl", verifier=make_verifier(PASSWORD))
    with server.connect("submission") as carl:
        carl.start_tls()
        carl.log_in("carl@fabrikam.example")
        assert carl.envelope("carl@fabrikam.example", GONE)[1].startswith("250")
