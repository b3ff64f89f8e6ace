"""Limits of a tenant over SMTP: what goes beyond is put off with the right reply, and nobody else is held up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Sum

from tenants.actions.actor import SYSTEM
from tenants.actions.plans import change_plan, create_plan
from tenants.actions.tenants import change_tenant
from tenants.models import Mailbox, Plan, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, PASSWORD, Client, Server
from tests.transport.workers import with_flow
from transport.authentication.scram import make_verifier
from transport.models import Message, Usage, UsageDelta
from transport.usage.meter import Meter
from transport.usage.tally import roll_up, tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed")]

ALICE, BOB = "alice@contoso.example", "bob@contoso.example"
REACHED = "450 4.7.1 Sending limit of"
FROM_ALICE = CONTENT.replace(b"x@y.example", ALICE.encode())


@pytest.fixture(autouse=True)
def one_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no hour end while a test counts."""
    now = time.time()
    monkeypatch.setattr("transport.smtpd.allowance.Meter", lambda: Meter(clock=lambda: now))


def allow(tenant: Tenant, **limits: int) -> None:
    """Set limits as they are before the daemon comes up."""
    Tenant.objects.filter(pk=tenant.pk).update(**limits)


def let_bob_in(contoso: Contoso) -> None:
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(verifier=make_verifier(PASSWORD))


def signed_in(server: Server, address: str = ALICE) -> Client:
    client = server.connect("submissions")
    client.ehlo()
    assert client.log_in(address).startswith("235")
    return client


def submit(client: Client, *recipients: str, sender: str = ALICE) -> str:
    """Hand a message in; return the first refusal, or the reply to its end."""
    for reply in client.envelope(sender, *recipients):
        if not reply.startswith("250"):
            client.say("RSET")
            return reply
    return client.data(CONTENT.replace(b"x@y.example", sender.encode()))


def verdict(server: Server) -> str:
    """Return what Alice hears when she begins a message."""
    with signed_in(server) as client:
        return client.say(f"MAIL FROM:<{ALICE}>")[:9]


def relay(server: Server, recipient: str = BOB) -> str:
    with server.connect() as client:
        client.ehlo()
        return submit(client, recipient, sender="x@y.example")


def test_a_mailbox_is_put_off_at_mail_and_its_neighbour_is_not(alice: Contoso, server: Server) -> None:
    allow(alice.tenant, mailbox_messages_per_hour=2)
    let_bob_in(alice)
    with signed_in(server) as client:
        assert [submit(client, BOB)[:3] for _ in range(2)] == ["250", "250"]
        refusal = client.say(f"MAIL FROM:<{ALICE}>")
    assert refusal.startswith("450 4.7.1 Sending limit of this mailbox, 2 messages per hour, reached; try again after ")
    assert refusal.endswith(":00 UTC")
    with signed_in(server, BOB) as client:
        assert submit(client, ALICE, sender=BOB).startswith("250")


def test_the_next_hour_counts_anew_and_the_day_goes_on(alice: Contoso, server: Server) -> None:
    allow(alice.tenant, messages_per_hour=1, messages_per_day=2)
    meter = server.daemon.service.allowance.meter
    noon = time.time() // 86_400 * 86_400 + 12 * 3600
    meter.clock = lambda: noon
    with signed_in(server) as client:
        assert submit(client, BOB).startswith("250")
        assert (
            submit(client, BOB) == "450 4.7.1 Sending limit of 1 messages per hour reached, try again after 13:00 UTC"
        )
        meter.clock = lambda: noon + 3600
        assert submit(client, BOB).startswith("250")
        meter.clock = lambda: noon + 2 * 3600
        assert submit(client, BOB) == f"{REACHED} 2 messages per day reached, try again after 00:00 UTC"


def test_recipients_count_one_by_one_within_a_message(alice: Contoso, server: Server) -> None:
    allow(alice.tenant, mailbox_recipients_per_hour=2)
    with signed_in(server) as client:
        replies = client.envelope(ALICE, BOB, ALICE, "postmaster@contoso.example")
        assert [reply[:9] for reply in replies] == ["250 2.1.0", "250 2.1.5", "250 2.1.5", "450 4.7.1"]
        assert client.data(FROM_ALICE).startswith("250")
        assert client.envelope(ALICE, BOB)[1].startswith("450 4.7.1")


def test_two_sessions_at_once_cannot_both_have_the_last_one(alice: Contoso, server: Server) -> None:
    allow(alice.tenant, messages_per_hour=1)
    with signed_in(server) as first, signed_in(server) as second:
        for client in (first, second):
            assert client.envelope(ALICE, BOB)[1].startswith("250")
        assert first.data(FROM_ALICE).startswith("250")
        assert second.data(FROM_ALICE).startswith("450 4.7.1")
    assert Message.objects.count() == 1


def test_a_strangers_flood_is_put_off_and_the_tenants_own_sending_goes_on(alice: Contoso, server: Server) -> None:
    allow(alice.tenant, incoming_messages_per_hour=2)
    assert [relay(server)[:3] for _ in range(2)] == ["250", "250"]
    assert relay(server).startswith(
        "450 4.2.1 The recipient's organisation receives too much mail now, try again after"
    )
    with signed_in(server) as client:
        assert submit(client, BOB).startswith("250")


def test_mail_of_another_tenant_here_counts_as_incoming(alice: Contoso, server: Server) -> None:
    fabrikam = factories.make_tenant("fabrikam", incoming_messages_per_day=1)
    factories.make_mailbox(factories.make_domain(fabrikam, "fabrikam.example"), "carol")
    with signed_in(server) as client:
        assert submit(client, "carol@fabrikam.example").startswith("250")
        assert submit(client, "carol@fabrikam.example").startswith("450 4.2.1")
        assert submit(client, BOB).startswith("250")


def test_full_storage_puts_letters_off_but_not_those_to_the_postmaster(alice: Contoso, server: Server) -> None:
    allow(alice.tenant, max_storage=1000)
    Mailbox.objects.filter(pk=alice.bob_mailbox.pk).update(used_bytes=1000)
    with_flow(tally, every=0)
    assert relay(server) == "452 4.3.1 The storage of the recipient's organisation is full"
    assert relay(server, "postmaster@contoso.example").startswith("250")


def test_a_full_queue_puts_mail_to_the_outside_off_and_none_inside(alice: Contoso, server: Server) -> None:
    allow(alice.tenant, max_queued=2)
    with signed_in(server) as client:
        assert submit(client, "a@outside.example", "b@outside.example").startswith("250")
        assert submit(client, "c@outside.example").startswith("452 4.3.1 Too much mail of this organisation is waiting")
        assert submit(client, BOB).startswith("250")
    with_flow(tally, every=0)
    server.wait_until(lambda: server.daemon.service.allowance.meter.load(alice.tenant.pk).queued == 2)
    with signed_in(server) as client:
        assert submit(client, "c@outside.example").startswith("452 4.3.1")


def test_size_and_recipients_of_one_message_keep_to_the_plan(alice: Contoso, server: Server) -> None:
    tight = create_plan(actor=SYSTEM, name="Tight", max_message_size=20_000, max_recipients_per_message=1)
    change_tenant(actor=SYSTEM, tenant=alice.tenant, plan=tight)
    with signed_in(server) as client:
        assert client.say(f"MAIL FROM:<{ALICE}> SIZE=30000").startswith("552 5.3.4")
        assert [reply[:9] for reply in client.envelope(ALICE, BOB, ALICE)] == ["250 2.1.0", "250 2.1.5", "452 4.5.3"]


@pytest.mark.parametrize("is_plan", [False, True])
def test_an_operators_change_counts_within_two_seconds(alice: Contoso, server: Server, is_plan: bool) -> None:
    plan = create_plan(actor=SYSTEM, name="Standard 2", is_default=True, messages_per_hour=0)
    server.wait_until(lambda: verdict(server) == "450 4.7.1", timeout=2)
    if is_plan:
        change_plan(actor=SYSTEM, plan=Plan.objects.get(pk=plan.pk), messages_per_hour=100)
    else:
        change_tenant(actor=SYSTEM, tenant=alice.tenant, messages_per_hour=100)
    server.wait_until(lambda: verdict(server) == "250 2.1.0", timeout=2)


def test_a_change_of_plan_that_nobody_told_of_is_noticed(alice: Contoso, server: Server) -> None:
    plan = create_plan(actor=SYSTEM, name="Standard 2", is_default=True, messages_per_hour=0)
    server.wait_until(lambda: verdict(server) == "450 4.7.1", timeout=2)
    Plan.objects.filter(pk=plan.pk).update(messages_per_hour=5, version=plan.version + 1)
    server.wait_until(lambda: verdict(server) == "250 2.1.0", timeout=2)


@pytest.mark.slow
def test_what_one_daemon_accepted_counts_in_another_and_after_a_restart(
    alice: Contoso, server: Server, make_server: Callable[..., Server]
) -> None:
    allow(alice.tenant, messages_per_hour=2)
    other = make_server()
    with signed_in(server) as client:
        assert submit(client, BOB).startswith("250")
    server.wait_until(lambda: UsageDelta.objects.exists())
    with signed_in(other) as client:
        assert submit(client, BOB).startswith("250")
    with_flow(roll_up)
    server.wait_until(lambda: verdict(server) == "450 4.7.1", timeout=3)
    server.stop()
    other.stop()
    with_flow(roll_up)
    with signed_in(make_server()) as client:
        assert client.say(f"MAIL FROM:<{ALICE}>").startswith("450 4.7.1")
    total = Usage.objects.filter(subject_id=alice.tenant.pk, direction="sent", period="hour")
    numbers: dict[str, Any] = total.aggregate(messages=Sum("messages"), recipients=Sum("recipients"))
    assert numbers == {"messages": 2, "recipients": 2}
    assert total.aggregate(refused=Sum("refused"))["refused"] >= 1


def test_a_message_that_could_not_be_stored_is_not_counted(
    alice: Contoso, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transport.smtpd.writer import NotStored

    async def fail(batch: object) -> None:
        raise NotStored

    allow(alice.tenant, messages_per_hour=1)
    with signed_in(server) as client:
        with monkeypatch.context() as patch:
            patch.setattr(server.daemon.service.writer, "commit", fail)
            assert submit(client, BOB).startswith("451")
        assert submit(client, BOB).startswith("250")
