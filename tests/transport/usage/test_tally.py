"""The tally: what tenants hold is counted, who nears a limit is marked, and the administrators hear of it once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenants.models import Mailbox, Membership, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send, with_flow
from transport.models import Delivery, LimitNotice, Message, RollUp, TenantLoad, Usage, UsageDelta
from transport.queue.housekeeping import housekeep
from transport.queue.sweep import sweep_once
from transport.usage.count import Key, Sum
from transport.usage.counting import counts_now, note_now
from transport.usage.letters import tell_of_limits
from transport.usage.report import open_notices, tenants_near_limits
from transport.usage.tally import roll_up, tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed")]
NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


def allow(tenant: Tenant, **limits: int) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(**limits)


def fill(mailbox: Mailbox, used: int) -> None:
    Mailbox.objects.filter(pk=mailbox.pk).update(used_bytes=used)


def tally_now(now: datetime | None = None) -> None:
    with_flow(roll_up)
    assert with_flow(tally, every=0, now=now)


def told(tenant: Tenant) -> list[tuple[str, str]]:
    return [(row.limit_name, row.level) for row in open_notices(tenant.pk)]


def letters() -> list[tuple[str, str]]:
    """Return the system's letters that wait or were delivered, as recipient and subject."""
    rows = Message.objects.filter(sender="").prefetch_related("deliveries")
    return sorted((delivery.recipient, row.subject) for row in rows for delivery in row.deliveries.all())


def test_what_a_tenant_holds_is_counted(contoso: Contoso) -> None:
    fill(contoso.alice_mailbox, 700)
    fill(contoso.bob_mailbox, 300)
    send(contoso.alice_mailbox, "x@outside.example", "y@outside.example", "bob@contoso.example")
    tally_now()
    load = TenantLoad.objects.get(tenant=contoso.tenant)
    assert (load.storage, load.mailboxes, load.domains, load.queued) == (1000, 2, 1, 2)
    Delivery.objects.all().delete()
    tally_now()
    assert TenantLoad.objects.get(tenant=contoso.tenant).queued == 0


def test_the_tally_is_taken_by_one_at_a_time_and_not_too_often(contoso: Contoso) -> None:
    assert with_flow(tally) == 1
    assert with_flow(tally) == 0
    RollUp.objects.filter(name="tenants").update(at=timezone.now() - timedelta(seconds=10))
    assert with_flow(tally) == 1
    # What took a second is counted again after twenty.
    RollUp.objects.filter(name="tenants").update(at=timezone.now() - timedelta(seconds=10), milliseconds=1000)
    assert with_flow(tally) == 0


def test_rolling_up_changes_no_count(contoso: Contoso) -> None:
    key = Key.of_tenant(contoso.tenant.pk, "sent")
    moments = [NOON - timedelta(days=1), NOON - timedelta(hours=1), NOON, NOON]
    for moment in moments:
        note_now([(key, Sum(1, 3, 100))], now=moment.timestamp())
    before = counts_now([key], now=NOON.timestamp())[key]
    assert (before.hour_messages, before.hour_recipients, before.day_messages, before.day_recipients) == (2, 6, 3, 9)
    assert with_flow(roll_up) == 4
    assert counts_now([key], now=NOON.timestamp())[key] == before
    assert not UsageDelta.objects.exists()
    assert with_flow(roll_up) == 0


def test_a_limit_is_noticed_at_80_percent_and_when_it_is_reached(contoso: Contoso) -> None:
    allow(contoso.tenant, max_storage=1000, max_mailboxes=2)
    fill(contoso.bob_mailbox, 799)
    tally_now()
    assert told(contoso.tenant) == [("max_mailboxes", "reached")]
    fill(contoso.bob_mailbox, 800)
    tally_now()
    assert ("max_storage", "near") in told(contoso.tenant)
    fill(contoso.bob_mailbox, 1000)
    tally_now()
    assert ("max_storage", "reached") in told(contoso.tenant)
    fill(contoso.bob_mailbox, 0)
    tally_now()
    assert told(contoso.tenant) == [("max_mailboxes", "reached")]
    assert LimitNotice.objects.get(limit_name="max_storage").ended_at is not None


def test_a_rate_is_over_with_its_hour(contoso: Contoso) -> None:
    allow(contoso.tenant, messages_per_hour=5, incoming_messages_per_day=10)
    sent, received = (Key.of_tenant(contoso.tenant.pk, direction) for direction in ("sent", "received"))
    note_now([(sent, Sum(4, 4, 100)), (received, Sum(10, 10, 100))], now=NOON.timestamp())
    tally_now(NOON)
    assert sorted(told(contoso.tenant)) == [("incoming_messages_per_day", "reached"), ("messages_per_hour", "near")]
    tally_now(NOON + timedelta(hours=1))
    assert told(contoso.tenant) == [("incoming_messages_per_day", "reached")]


def test_owners_and_administrators_get_one_letter_in_their_language(contoso: Contoso) -> None:
    admin = factories.make_user("admin@elsewhere.example")
    auditor = factories.make_user("auditor@elsewhere.example")
    factories.make_membership(contoso.tenant, admin, Membership.Role.ADMIN)
    factories.make_membership(contoso.tenant, auditor, Membership.Role.AUDITOR)
    allow(contoso.tenant, max_storage=1000)
    fill(contoso.bob_mailbox, 850)
    tally_now()
    tell_of_limits()
    wanted = [
        (address, "Contoso is near a limit: Storage in mailboxes")
        for address in ("admin@elsewhere.example", "alice@contoso.example")
    ]
    assert letters() == wanted
    tally_now()
    tell_of_limits()
    assert letters() == wanted


def test_there_is_one_letter_for_each_limit_and_day(contoso: Contoso) -> None:
    allow(contoso.tenant, max_storage=1000)
    fill(contoso.bob_mailbox, 850)
    tally_now()
    now = timezone.now()
    tell_of_limits(now)
    fill(contoso.bob_mailbox, 1000)
    tally_now()
    tell_of_limits(now + timedelta(hours=1))
    assert len(letters()) == 1
    # It ends and comes back: the next day is early enough to write again, for what stands even a week.
    for used, later in ((0, 2), (1000, 3), (0, 30), (850, 31)):
        fill(contoso.bob_mailbox, used)
        tally_now()
        tell_of_limits(now + timedelta(hours=later))
    assert len(letters()) == 1
    fill(contoso.bob_mailbox, 0)
    tally_now()
    fill(contoso.bob_mailbox, 850)
    tally_now()
    tell_of_limits(now + timedelta(days=8))
    assert len(letters()) == 2


def test_the_sweep_does_all_of_it(contoso: Contoso) -> None:
    allow(contoso.tenant, messages_per_day=1)
    send(contoso.alice_mailbox, "bob@contoso.example")
    sweep_once()
    assert Usage.objects.filter(subject_id=contoso.alice_mailbox.pk, period="day").values_list("messages").get() == (1,)
    assert [subject for _, subject in letters()] == ["Contoso has reached a limit: Messages sent per day"]


def test_operators_see_the_fullest_first(contoso: Contoso) -> None:
    allow(contoso.tenant, max_mailboxes=2)
    other = factories.make_tenant("fabrikam", max_domains=1)
    for name in ("a.example", "b.example"):
        factories.make_domain(other, name)
    factories.make_tenant("adatum")
    tally_now()
    assert [(row.tenant.slug, row.nearest, row.share) for row in tenants_near_limits()] == [
        ("fabrikam", "max_domains", 200),
        ("contoso", "max_mailboxes", 100),
    ]


def test_old_numbers_go(contoso: Contoso) -> None:
    now = timezone.now()
    fields: dict[str, Any] = {"tenant": contoso.tenant, "subject_id": contoso.tenant.pk, "direction": "sent"}
    fields |= {"messages": 1, "recipients": 1, "size": 1, "refused": 0}
    kept = [("hour", timedelta(days=2)), ("day", timedelta(days=80))]
    for period, age in (*kept, ("hour", timedelta(days=4)), ("day", timedelta(days=91))):
        Usage.objects.create(period=period, start=now - age, **fields)
    housekeep()
    assert Usage.objects.count() == len(kept)
