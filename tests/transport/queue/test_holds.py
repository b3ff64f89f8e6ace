"""Queued mail while something is suspended: held whatever brings its turn, not expired, released as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

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
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, events_of, send, with_flow
from transport.actions.queue import remove_message, suspend_message, suspend_queue
from transport.models import Delivery, MailboxMessage, Queue, SendConnector
from transport.queue.expiry import expire, tell_of_delays
from transport.queue.sweep import release_once, sweep_once
from transport.tracking.timeline import timeline

pytestmark = WITH_WORKERS
ELSEWHERE = "carl@elsewhere.example"
LONG_AGO = timedelta(days=9)


def alice() -> User:
    return User.objects.get(email="alice@contoso.example")


def her_mailbox() -> Mailbox:
    return Mailbox.objects.get(display_name="Alice")


def domain() -> AcceptedDomain:
    return AcceptedDomain.objects.get(domain="contoso.example")


OFF: dict[str, Callable[[], object]] = {
    "domain": lambda: suspend_domain(actor=SYSTEM, domain=domain(), reason="Spam"),
    "mailbox": lambda: change_mailbox(actor=SYSTEM, mailbox=her_mailbox(), enabled=False),
    "user": lambda: suspend_user(actor=SYSTEM, user=alice(), reason="Left"),
}
ON: dict[str, Callable[[], object]] = {
    "domain": lambda: resume_domain(actor=SYSTEM, domain=domain()),
    "mailbox": lambda: change_mailbox(actor=SYSTEM, mailbox=her_mailbox(), enabled=True),
    "user": lambda: resume_user(actor=SYSTEM, user=alice()),
}


@pytest.mark.parametrize("kind", [*OFF])
def test_what_was_sent_before_is_held_and_leaves_on_resuming(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, kind: str
) -> None:
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    OFF[kind]()
    deliver()
    assert not peer.messages
    assert Delivery.objects.get().state == "held"
    reason = [entry.explanation for entry in timeline(contoso.tenant.pk, message_id)][-1]
    assert reason is not None
    assert reason.code == "delivery.held_by_suspension"
    ON[kind]()
    assert release_once() == 1
    deliver()
    assert len(peer.messages) == 1
    assert [kind for kind, _ in events_of(message_id)][-3:] == ["DEFER", "RESUBMIT", "SEND"]


def test_mail_for_a_disabled_mailbox_is_held_and_others_get_theirs(contoso: Contoso) -> None:
    send(contoso.bob_mailbox, "alice@contoso.example", "bob@contoso.example")
    OFF["mailbox"]()
    deliver()
    assert [letter.mailbox for letter in MailboxMessage.objects.all()] == [contoso.bob_mailbox]
    ON["mailbox"]()
    sweep_once()
    deliver()
    assert MailboxMessage.objects.filter(mailbox=contoso.alice_mailbox).exists()


def test_a_long_queue_is_held_to_its_end(contoso: Contoso, peer: StubSmtp, to_peer: SendConnector) -> None:
    for _ in range(120):
        send(contoso.alice_mailbox, ELSEWHERE)
    OFF["domain"]()
    deliver()
    assert Delivery.objects.filter(state="held").count() == 120
    assert not peer.messages


def test_what_is_held_does_not_expire_and_gets_its_time_back(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    send(contoso.alice_mailbox, ELSEWHERE)
    OFF["domain"]()
    deliver()
    past = timezone.now() - timedelta(hours=1)
    Delivery.objects.update(held_at=timezone.now() - LONG_AGO, expires_at=past, delay_notice_at=past)
    assert (with_flow(expire), with_flow(tell_of_delays)) == (0, 0)
    ON["domain"]()
    release_once()
    row = Delivery.objects.get()
    assert (row.state, row.held_by) == ("ready", None)
    assert row.expires_at > timezone.now() + timedelta(days=8)


def test_what_has_no_route_is_held_instead_of_given_up(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, ELSEWHERE)
    OFF["domain"]()
    Delivery.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    sweep_once()
    assert (Delivery.objects.get().state, Delivery.objects.get().held_state) == ("held", "unreachable")
    ON["domain"]()
    release_once()
    assert Delivery.objects.get().state == "unreachable"


def test_an_administrator_may_remove_what_is_held(contoso: Contoso, peer: StubSmtp, to_peer: SendConnector) -> None:
    send(contoso.alice_mailbox, ELSEWHERE)
    OFF["mailbox"]()
    deliver()
    remove_message(actor=SYSTEM, message=Delivery.objects.get().message, with_ndr=True)
    sweep_once()
    assert not Delivery.objects.filter(recipient=ELSEWHERE).exists()


def test_a_suspended_organisations_mail_waits_as_it_is_and_expires_later(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    held, stopped = send(contoso.alice_mailbox, ELSEWHERE), send(contoso.alice_mailbox, ELSEWHERE)
    suspend_message(actor=SYSTEM, message=Delivery.objects.get(message_id=stopped).message)
    suspend_tenant(actor=SYSTEM, tenant=contoso.tenant, reason="Bill")
    Tenant.objects.update(suspended_at=timezone.now() - LONG_AGO)
    Delivery.objects.filter(message_id=held).update(expires_at=timezone.now() - timedelta(seconds=1))
    before = list(Delivery.objects.order_by("id").values("state", "queue_id", "attempts", "next_attempt_at"))
    sweep_once()
    deliver()
    assert not peer.messages
    assert list(Delivery.objects.order_by("id").values("state", "queue_id", "attempts", "next_attempt_at")) == before
    resume_tenant(actor=SYSTEM, tenant=contoso.tenant)
    sweep_once()
    deliver()
    assert len(peer.messages) == 1
    assert Delivery.objects.get().state == "suspended"


def test_a_queue_that_the_tenant_suspended_stays_so_after_the_operator_resumes(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    send(contoso.alice_mailbox, ELSEWHERE)
    suspend_queue(actor=SYSTEM, queue=Queue.objects.get())
    suspend_tenant(actor=SYSTEM, tenant=contoso.tenant, reason="Bill")
    resume_tenant(actor=SYSTEM, tenant=contoso.tenant)
    sweep_once()
    deliver()
    assert not peer.messages
    assert Queue.objects.get().suspended


def test_mail_accepted_for_a_suspended_domain_is_not_bounced_by_a_change_of_configuration(contoso: Contoso) -> None:
    send(contoso.alice_mailbox, "bob@contoso.example", ELSEWHERE)
    suspend_domain(actor=SYSTEM, domain=domain(), reason="Spam", mode="permanent")
    factories.make_send_connector(contoso.tenant, "other.example")
    Tenant.objects.update(config_version=99)
    sweep_once()
    deliver()
    assert sorted(Delivery.objects.values_list("recipient", flat=True)) == ["bob@contoso.example", ELSEWHERE]
