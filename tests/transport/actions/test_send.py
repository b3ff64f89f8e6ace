from __future__ import annotations

import pytest

from tenants.actions.actor import Actor
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from transport.actions.send import SendRefused, SentMessage, send_message
from transport.models import Delivery, Message
from transport.routing.envelope import Origin

CONTENT = b"From: alice@contoso.example\r\nTo: x@y.example\r\nSubject: hello\r\n\r\nHello.\r\n"


def send(
    contoso: Contoso, *recipients: str, content: bytes = CONTENT, sender: str = "alice@contoso.example"
) -> SentMessage:
    with scope(contoso.tenant):
        return send_message(
            actor=Actor.user(contoso.alice, "192.0.2.7"),
            tenant=contoso.tenant,
            mailbox=contoso.alice_mailbox,
            content=content,
            sender=sender,
            recipients=recipients,
            origin=Origin.CONSOLE,
        )


def test_a_message_to_a_colleague_waits_for_the_mailbox(contoso: Contoso) -> None:
    sent = send(contoso, "bob@contoso.example")
    delivery = Delivery.objects.get(message_id=sent.message_id)
    assert (delivery.recipient, delivery.mailbox_id) == ("bob@contoso.example", contoso.bob_mailbox.pk)


def test_a_message_to_the_outside_without_connector_waits_as_unreachable(contoso: Contoso) -> None:
    sent = send(contoso, "someone@fabrikam.example")
    assert Delivery.objects.get(message_id=sent.message_id).state == Delivery.State.UNREACHABLE


@pytest.mark.parametrize(
    ("recipients", "content", "sender", "code"),
    [
        ((), CONTENT, "alice@contoso.example", "message.no_recipients"),
        (("nobody@contoso.example",), CONTENT, "alice@contoso.example", "recipient.unknown"),
        (("bob@contoso.example", "nobody@contoso.example"), CONTENT, "alice@contoso.example", "recipient.unknown"),
        (("bob@contoso.example",), CONTENT, "bob@contoso.example", "sender.not_yours"),
        (("bob@contoso.example",), CONTENT.replace(b"\r\n", b"\n"), "alice@contoso.example", "message.bare_newline"),
        (("bob@contoso.example",), CONTENT + b"\0", "alice@contoso.example", "message.nul"),
        (("bob@contoso.example",), b"Subject: x\r\n\r\n", "alice@contoso.example", "message.no_from"),
        (("bob@contoso.example",), b"From: <ceo@y.example>a@b\r\n\r\n", "alice@contoso.example", "message.no_from"),
        (("bob@contoso.example",), CONTENT[:29] + CONTENT, "alice@contoso.example", "message.multiple_from"),
    ],
)
def test_what_is_refused_is_told_and_nothing_is_stored(
    contoso: Contoso, recipients: tuple[str, ...], content: bytes, sender: str, code: str
) -> None:
    with pytest.raises(SendRefused) as caught:
        send(contoso, *recipients, content=content, sender=sender)
    assert caught.value.code == code
    assert not Message.objects.exists()


def test_a_sender_that_the_world_cannot_answer_is_refused_before_a_peer_does_it(contoso: Contoso) -> None:
    local = factories.make_domain(contoso.tenant, "exchange.local", verified=False)
    factories.make_address(contoso.alice_mailbox, local, "alice")
    content = CONTENT.replace(b"alice@contoso.example", b"alice@exchange.local")
    with pytest.raises(SendRefused) as caught:
        send(contoso, "someone@fabrikam.example", content=content, sender="alice@exchange.local")
    assert (caught.value.code, caught.value.field) == ("sender.domain_not_public", "from")


def test_mail_to_another_tenant_arrives_there_as_from_outside(contoso: Contoso) -> None:
    other = factories.make_tenant("fabrikam")
    factories.make_mailbox(factories.make_domain(other, "fabrikam.example"), "carol")
    sent = send(contoso, "carol@fabrikam.example")
    assert len(sent.message_ids) == 2
    theirs = Message.objects.get(tenant=other)
    assert (theirs.incoming, theirs.origin) == (True, "anonymous")


@pytest.mark.parametrize("author", ["ceo@fabrikam.example", "ceo@elsewhere.example", "ceo@claimed.example"])
def test_without_a_mailbox_the_from_line_still_is_the_organisations_own(contoso: Contoso, author: str) -> None:
    other = factories.make_tenant("fabrikam")
    for name in ("fabrikam.example", "claimed.example"):
        factories.make_domain(other, name)
    factories.make_domain(contoso.tenant, "claimed.example", verified=False)
    content = CONTENT.replace(b"alice@contoso.example", author.encode())
    with pytest.raises(SendRefused) as caught, scope(contoso.tenant):
        send_message(
            actor=Actor("api_key", "1", "nightly"),
            tenant=contoso.tenant,
            mailbox=None,
            content=content,
            sender="noreply@contoso.example",
            recipients=("bob@contoso.example",),
            origin=Origin.API,
        )
    assert (caught.value.code, caught.value.field) == ("sender.author_not_yours", "from")
    assert not Message.objects.exists()
