"""What a suspension does on the wire: mail put off or refused, log-in still answered, nothing sent (real SMTP)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import transaction

from tenants.actions.actor import SYSTEM
from tenants.actions.mailboxes import change_mailbox
from tenants.actions.suspensions import (
    resume_domain,
    resume_tenant,
    resume_user,
    suspend_domain,
    suspend_tenant,
    suspend_user,
)
from tenants.models import AcceptedDomain, Mailbox, Tenant, User
from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import Server

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Switch:
    """Something that can be suspended, of Alice's."""

    off: Callable[[str], object]
    on: Callable[[], object]


def of_tenant() -> Switch:
    return Switch(
        lambda mode: suspend_tenant(actor=SYSTEM, tenant=Tenant.objects.get(), reason="Bill", mode=mode),
        lambda: resume_tenant(actor=SYSTEM, tenant=Tenant.objects.get()),
    )


def of_domain() -> Switch:
    return Switch(
        lambda mode: suspend_domain(actor=SYSTEM, domain=AcceptedDomain.objects.get(), reason="Spam", mode=mode),
        lambda: resume_domain(actor=SYSTEM, domain=AcceptedDomain.objects.get()),
    )


def of_mailbox() -> Switch:
    def off(mode: str) -> object:
        box = Mailbox.objects.get(display_name="Alice")
        return change_mailbox(actor=SYSTEM, mailbox=box, enabled=False, suspension_mode=mode)

    return Switch(
        off,
        lambda: change_mailbox(actor=SYSTEM, mailbox=Mailbox.objects.get(display_name="Alice"), enabled=True),
    )


def of_user() -> Switch:
    def alice() -> User:
        return User.objects.get(email="alice@contoso.example")

    return Switch(
        lambda mode: suspend_user(actor=SYSTEM, user=alice(), reason="Left"),
        lambda: resume_user(actor=SYSTEM, user=alice()),
    )


def rcpt(server: Server, recipient: str = "alice@contoso.example") -> str:
    with server.connect() as client:
        client.ehlo()
        return client.envelope("stranger@elsewhere.example", recipient)[-1]


def mail_after_log_in(server: Server) -> str:
    with server.connect("submission") as client:
        client.start_tls()
        assert client.log_in("alice@contoso.example").startswith("235")
        return client.say("MAIL FROM:<alice@contoso.example>")


@pytest.mark.parametrize(
    ("switch", "mode", "told", "sending"),
    [
        (of_tenant(), "temporary", "450 4.2.1", "550 5.7.1 This organisation is suspended"),
        (of_tenant(), "permanent", "550 5.2.1", "550 5.7.1 This organisation is suspended"),
        (of_domain(), "temporary", "450 4.2.1", "550 5.7.1 The domain contoso.example is suspended"),
        (of_domain(), "permanent", "550 5.2.1", "550 5.7.1 The domain contoso.example is suspended"),
        (of_mailbox(), "temporary", "450 4.2.1", "550 5.7.1 This mailbox is disabled"),
        (of_mailbox(), "permanent", "550 5.2.1", "550 5.7.1 This mailbox is disabled"),
        (of_user(), "", "250 2.1.5", "550 5.7.1 The user of this mailbox is suspended"),
    ],
)
def test_what_is_suspended_gets_and_sends_no_mail_until_it_is_resumed(
    server: Server, switch: Switch, mode: str, told: str, sending: str
) -> None:
    assert rcpt(server).startswith("250")
    assert mail_after_log_in(server).startswith("250")
    with transaction.atomic():
        switch.off(mode)
    server.wait_until(lambda: mail_after_log_in(server).startswith(sending), timeout=2)
    server.wait_until(lambda: rcpt(server).startswith(told), timeout=2)
    with transaction.atomic():
        switch.on()
    server.wait_until(lambda: rcpt(server).startswith("250"), timeout=2)
    server.wait_until(lambda: mail_after_log_in(server).startswith("250"), timeout=2)


def test_a_standing_session_hears_of_it_at_its_next_message(server: Server) -> None:
    with server.connect("submission") as client:
        client.start_tls()
        client.log_in("alice@contoso.example")
        assert client.say("MAIL FROM:<alice@contoso.example>").startswith("250")
        suspend_tenant(actor=SYSTEM, tenant=Tenant.objects.get(), reason="Bill")

        def refused() -> bool:
            client.say("RSET")
            return client.say("MAIL FROM:<alice@contoso.example>").startswith("550 5.7.1")

        server.wait_until(refused, timeout=2)


def test_a_suspended_domain_leaves_the_organisations_others_alone(alice: Contoso, server: Server) -> None:
    factories.make_mailbox(factories.make_domain(alice.tenant, "other.example"), "carol")
    suspend_domain(actor=SYSTEM, domain=AcceptedDomain.objects.get(domain="contoso.example"), reason="Spam")
    server.wait_until(lambda: rcpt(server).startswith("450"), timeout=2)
    assert rcpt(server, "carol@other.example").startswith("250")
