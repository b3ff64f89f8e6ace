"""Delivery status notifications as a client asks for them over SMTP (RFC 3461, RFC 3464; reliability EX5, 2.10)."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest
from django.urls import reverse

from tenants.models import Mailbox, Membership, Tenant
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.smtpd.conftest import Client, Server
from tests.transport.workers import WITH_WORKERS, deliver, events_of
from transport.models import MailboxMessage, Message, SendConnector, TrackingEvent

pytestmark = WITH_WORKERS
ALICE = "alice@contoso.example"
LETTER = (
    b"From: alice@contoso.example\r\nTo: bob@contoso.example\r\nSubject: Hi\r\nMessage-ID: <1@contoso.example>\r\n"
    b"\r\nThe body\r\n"
)
WITH_DSN = ("PIPELINING", "SIZE 10000000", "8BITMIME", "DSN")


@pytest.fixture
def client(server: Server, committed: None) -> Iterator[Client]:
    with server.connect("submission") as connected:
        connected.start_tls()
        connected.log_in(ALICE)
        yield connected


def hand_in(client: Client, *rcpts: str, mail: str = "", content: bytes = LETTER, sender: str = ALICE) -> None:
    """Submit a letter, with parameters, and let it be delivered."""
    for line in (f"MAIL FROM:<{sender}>{mail}", *(f"RCPT TO:{rcpt}" for rcpt in rcpts)):
        assert (reply := client.say(line)).startswith("250"), reply
    assert (reply := client.data(content)).startswith("250"), reply
    deliver()


def notices(mailbox: Mailbox) -> list[EmailMessage]:
    """Return the notices in a mailbox, oldest first."""
    letters = MailboxMessage.objects.filter(mailbox=mailbox, sender="").order_by("uid")
    return [message_from_bytes(bytes(letter.body.content), policy=policy.default) for letter in letters]


def text_of(notice: EmailMessage) -> str:
    return str(cast("EmailMessage", notice.get_payload(0)).get_content())


def status_of(notice: EmailMessage) -> list[dict[str, str]]:
    groups = cast("EmailMessage", notice.get_payload(1)).get_payload()
    return [dict(cast("EmailMessage", group).items()) for group in groups]


def returned(notice: EmailMessage) -> str:
    return cast("EmailMessage", notice.get_payload(2)).as_string()


def test_success_in_a_mailbox_is_told_as_delivered_with_what_the_client_named(contoso: Contoso, client: Client) -> None:
    hand_in(
        client, "<bob@contoso.example> NOTIFY=SUCCESS ORCPT=rfc822;bob+2Bx@old.example", mail=" RET=FULL ENVID=QQ+2B1"
    )
    (notice,) = notices(contoso.alice_mailbox)
    about, recipient = status_of(notice)
    assert about["Original-Envelope-Id"] == "QQ+1"
    assert (recipient["Action"], recipient["Status"]) == ("delivered", "2.1.5")
    assert recipient["Original-Recipient"] == "rfc822; bob+x@old.example"
    assert recipient["Final-Recipient"] == "rfc822; bob@contoso.example"
    assert (notice["Subject"], notice["Auto-Submitted"]) == ("Delivered: Hi", "auto-replied")
    assert "Delivered to the mailbox." in text_of(notice)
    # RFC 3461 4.3: RET=FULL is about failures.
    assert "Subject: Hi" in returned(notice)
    assert "The body" not in returned(notice)


def test_who_did_not_ask_hears_nothing_of_success(contoso: Contoso, client: Client) -> None:
    hand_in(client, "<bob@contoso.example>")
    assert [name for name, _ in events_of(Message.objects.get().pk)] == ["RECEIVE", "DELIVER"]
    assert notices(contoso.alice_mailbox) == []


def test_a_next_hop_without_dsn_is_told_as_relayed_and_by_name(
    contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    hand_in(client, "<x@elsewhere.example> NOTIFY=SUCCESS,FAILURE")
    (notice,) = notices(contoso.alice_mailbox)
    (_, recipient) = status_of(notice)
    assert (recipient["Action"], recipient["Remote-MTA"]) == ("relayed", "dns; 127.0.0.1")
    assert "Handed on to 127.0.0.1, which sends no reports" in text_of(notice)
    assert "NOTIFY" not in "".join(peer.messages[0].rcpts)
    told = TrackingEvent.objects.get(event_id="DSN")
    assert told.detail == {"kind": "success", "about": ["x@elsewhere.example"]}


def test_a_next_hop_with_dsn_gets_the_wishes_and_tells_itself(
    contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.extensions = WITH_DSN
    hand_in(
        client, "<x@elsewhere.example> NOTIFY=SUCCESS ORCPT=rfc822;y+2Bz@old.example", mail=" RET=HDRS ENVID=QQ+2B1"
    )
    assert peer.messages[0].mail.endswith("RET=HDRS ENVID=QQ+2B1")
    assert peer.messages[0].rcpts[0].endswith("NOTIFY=SUCCESS ORCPT=rfc822;y+2Bz@old.example")
    assert notices(contoso.alice_mailbox) == []


def test_failure_and_success_of_one_message_are_told_apart(
    contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["rcpt"] = lambda line: "550 5.1.1 No such user" if "<no" in line else "250 Ok"
    asked = " NOTIFY=SUCCESS,FAILURE"
    hand_in(client, f"<no@elsewhere.example>{asked}", f"<yes@elsewhere.example>{asked}", "<silent@elsewhere.example>")
    failure, success = notices(contoso.alice_mailbox)
    assert [group["Final-Recipient"] for group in status_of(failure)[1:]] == ["rfc822; no@elsewhere.example"]
    assert [group["Final-Recipient"] for group in status_of(success)[1:]] == ["rfc822; yes@elsewhere.example"]


@pytest.mark.parametrize(("wish", "has_body"), [("", True), (" RET=FULL", True), (" RET=HDRS", False)])
def test_a_failure_returns_as_much_as_was_asked_for(
    contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector, wish: str, has_body: bool
) -> None:
    peer.script["rcpt"] = "550 5.1.1 No such user"
    hand_in(client, "<x@elsewhere.example>", mail=wish)
    (notice,) = notices(contoso.alice_mailbox)
    assert ("The body" in returned(notice)) is has_body
    assert "550 5.1.1 No such user" in text_of(notice)


def test_a_large_message_comes_back_as_its_header(
    contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["rcpt"] = "550 5.1.1 No such user"
    hand_in(client, "<x@elsewhere.example>", mail=" RET=FULL", content=LETTER + b"More\r\n" * 50_000)
    assert MailboxMessage.objects.get(mailbox=contoso.alice_mailbox).size < 10_000
    assert "Subject: Hi" in returned(notices(contoso.alice_mailbox)[0])


def test_never_means_never(contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector) -> None:
    peer.script["rcpt"] = "550 5.1.1 No such user"
    hand_in(client, "<x@elsewhere.example> NOTIFY=NEVER")
    assert notices(contoso.alice_mailbox) == []
    assert TrackingEvent.objects.get(event_id="SUPPRESSED").reason == "notice.not_wanted"


def test_no_machine_is_answered_even_if_it_asks(
    contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["rcpt"] = lambda line: "550 5.1.1 No such user" if "<no" in line else "250 Ok"
    asked = " NOTIFY=SUCCESS,FAILURE"
    automatic = b"Auto-Submitted: auto-generated\r\n" + LETTER
    hand_in(client, f"<no@elsewhere.example>{asked}", f"<yes@elsewhere.example>{asked}", content=automatic)
    assert notices(contoso.alice_mailbox) == []
    assert {row.reason for row in TrackingEvent.objects.filter(event_id="SUPPRESSED")} == {"notice.automatic"}


def test_a_message_without_a_sender_is_never_answered(contoso: Contoso, server: Server, committed: None) -> None:
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(quota=10)
    with server.connect() as stranger:
        stranger.ehlo()
        hand_in(stranger, "<bob@contoso.example> NOTIFY=SUCCESS,FAILURE", sender="")
    assert Message.objects.count() == 1
    assert TrackingEvent.objects.get(event_id="SUPPRESSED").reason == "notice.null_sender"


def test_the_link_to_the_timeline_is_for_those_who_may_see_it(
    contoso: Contoso, client: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["rcpt"] = "550 5.1.1 No such user"
    hand_in(client, "<x@elsewhere.example>")
    path = reverse("console:tracking-timeline", args=[Message.objects.get(origin="submission").pk])
    assert path in text_of(notices(contoso.alice_mailbox)[0])
    Membership.objects.filter(user=contoso.alice).update(role="mailbox_user")
    hand_in(client, "<x@elsewhere.example>")
    assert "/tracking/" in text_of(notices(contoso.alice_mailbox)[1])
    Mailbox.objects.filter(pk=contoso.alice_mailbox.pk).update(user=None)
    hand_in(client, "<x@elsewhere.example>")
    assert "/tracking/" not in text_of(notices(contoso.alice_mailbox)[2])


def test_a_notice_is_in_the_language_of_its_reader(
    contoso: Contoso, client: Client, server: Server, peer: StubSmtp, to_peer: SendConnector
) -> None:
    peer.script["rcpt"] = "550 5.1.1 No such user"
    Tenant.objects.filter(pk=contoso.tenant.pk).update(language="ja")
    hand_in(client, "<x@elsewhere.example>")
    (notice,) = notices(contoso.alice_mailbox)
    assert notice["Subject"] == "配信できませんでした: Hi"
    assert "再送は行われません" in text_of(notice)
    assert "理由: 相手のサーバーは、このアドレスが存在しないと応答しました" in text_of(notice)
    assert "550 5.1.1 No such user" in text_of(notice)
    assert status_of(notice)[1]["Status"] == "5.1.1"


def test_a_stranger_is_told_in_the_language_that_the_message_asks_for(
    contoso: Contoso, server: Server, peer: StubSmtp, to_peer: SendConnector, committed: None
) -> None:
    letter = b"Content-Language: en\r\nAccept-Language: fr, ja-JP;q=0.5\r\n" + LETTER
    with server.connect() as stranger:
        stranger.ehlo()
        hand_in(stranger, "<bob@contoso.example> NOTIFY=SUCCESS", sender="carl@elsewhere.example", content=letter)
    assert [message.rcpts for message in peer.messages] == [["RCPT TO:<carl@elsewhere.example>"]]
    notice = message_from_bytes(peer.messages[0].content, policy=policy.default)
    assert notice["Subject"] == "配信されました: Hi"
    assert "/tracking/" not in text_of(notice)
