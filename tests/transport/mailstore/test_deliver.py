from __future__ import annotations

import pytest

from tenants.models import Mailbox
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import WITH_WORKERS, deliver, events_of, letter_from, send, with_flow
from transport.mailstore.deliver import deliver_to_mailboxes, return_path, to_header
from transport.mailstore.sent import keep_sent_copy
from transport.models import Delivery, MailboxBody, MailboxMessage, TrackingEvent
from transport.queue.claim import claim

pytestmark = WITH_WORKERS


def test_recipients_of_one_message_share_its_bytes(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example", "alice@contoso.example")
    deliver()
    assert MailboxMessage.objects.count() == 2
    assert MailboxBody.objects.count() == 1


def test_a_mailbox_counts_its_letters_and_their_bytes(contoso: Contoso) -> None:
    for _ in range(3):
        send(contoso.alice_mailbox, "bob@contoso.example")
    deliver()
    mailbox = Mailbox.objects.get(pk=contoso.bob_mailbox.pk)
    letters = MailboxMessage.objects.filter(mailbox=mailbox).order_by("uid")
    assert [letter.uid for letter in letters] == [1, 2, 3]
    assert mailbox.uid_next == 4
    assert mailbox.used_bytes == sum(letter.size for letter in letters) == sum(len(x.body.content) for x in letters)


def test_delivering_twice_puts_one_letter_in(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    queue_id = Delivery.objects.get().queue_id
    claims = []
    for _ in range(2):
        claims.append(with_flow(claim, queue_id, 10))
        Delivery.objects.update(state="ready")  # the first worker is slow, not dead
    for one in claims:
        with_flow(deliver_to_mailboxes, one)
    assert MailboxMessage.objects.count() == 1
    assert Mailbox.objects.get(pk=contoso.bob_mailbox.pk).uid_next == 2
    assert events_of(message_id) == [("RECEIVE", "STOREDRIVER"), ("DELIVER", "STOREDRIVER")]
    assert not Delivery.objects.exists()


def test_a_full_mailbox_is_tried_again_until_there_is_room(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(quota=1000, used_bytes=900)
    deliver()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_error_code, delivery.last_error_enhanced) == ("retry", 452, "4.2.2")
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(used_bytes=0)
    Delivery.objects.update(next_attempt_at=delivery.created_at)
    deliver()
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "DEFER", "DELIVER"]


def test_a_letter_larger_than_the_quota_comes_back(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(quota=10)
    deliver()
    failure = TrackingEvent.objects.get(event_id="FAIL")
    assert (failure.enhanced, failure.reason) == ("5.2.2", "mailbox.full")


def test_mail_to_a_mailbox_that_is_gone_comes_back(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example")
    contoso.bob_mailbox.delete()
    deliver()
    assert TrackingEvent.objects.get(event_id="FAIL").reason == "delivery.mailbox_gone"
    assert MailboxMessage.objects.get().subject == "Undeliverable: Hi"


def test_mail_between_tenants_is_two_stories(contoso: Contoso) -> None:
    fabrikam = factories.make_tenant("fabrikam")
    factories.make_mailbox(factories.make_domain(fabrikam, "fabrikam.example"), "carl")
    message_id = send(contoso.alice_mailbox, "carl@fabrikam.example")
    deliver()
    letter = MailboxMessage.objects.get(tenant=fabrikam)
    assert [name for name, _ in events_of(message_id)] == ["RECEIVE", "TRANSFER"]
    assert [name for name, _ in events_of(letter.message_id)] == ["RECEIVE", "DELIVER"]


def test_a_copy_of_what_was_sent_is_kept_once(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "bob@contoso.example")
    with scope(contoso.tenant):
        for _ in range(2):
            keep_sent_copy(mailbox=contoso.alice_mailbox, message_id=message_id, content=letter_from("a@b.example"))
    letter = MailboxMessage.objects.get(folder="sent")
    assert (letter.subject, letter.seen, letter.uid) == ("Hi", True, 1)


@pytest.mark.parametrize(
    ("sender", "line"),
    [
        ("", b"Return-Path: <>\r\n"),
        ("a@b.example", b"Return-Path: <a@b.example>\r\n"),
        ("a\r\nBcc: x@y\0\x85@b", b"Return-Path: <aBcc: x@y@b>\r\n"),
    ],
)
def test_the_return_path_is_one_line(sender: str, line: bytes) -> None:
    assert return_path(sender) == line


def test_the_to_field_is_decoded() -> None:
    assert to_header(b"From: a@b\r\nto: =?utf-8?q?J=C3=BCrgen?= <j@x.example>\r\n\r\nTo: z") == "Jürgen <j@x.example>"
    assert to_header(b"") == ""
