from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from tenants.identifiers import first_uuid7_of, uuid7_at
from tenants.models import ConfigurationVersion
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.workers import WITH_WORKERS, deliver, send
from transport import tasks
from transport.models import Delivery, Heartbeat, Message, MessageBody, Queue, SendConnector, TrackingEvent
from transport.queue import sweep
from transport.queue.heartbeat import beat
from transport.queue.housekeeping import housekeep
from transport.queue.partitions import drop_old_partitions, ensure_partitions

pytestmark = WITH_WORKERS
LONG_AGO = timedelta(days=-40)
TODAY = datetime.now(UTC).date()


def partitions(table: str = "transport_trackingevent") -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [table])
        return sorted(row[0] for row in cursor.fetchall())


def test_days_are_made_ahead_and_nobody_reads_one_directly() -> None:
    ensure_partitions(TODAY)
    name = f"transport_trackingevent_{TODAY + timedelta(days=2):%Y%m%d}"
    assert name in partitions()
    assert ensure_partitions(TODAY) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('postroom_flow', %s, 'SELECT')", [name])
        assert cursor.fetchone() == (False,)


def test_rows_of_a_day_that_was_made_late_move_into_it(contoso: Contoso) -> None:
    day = TODAY + timedelta(days=20)
    low = first_uuid7_of(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    MessageBody.objects.create(id=low, tenant=contoso.tenant, content=b"x")
    ensure_partitions(day)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM transport_messagebody_{day:%Y%m%d}")  # noqa: S608
        assert cursor.fetchone() == (1,)
    assert bytes(MessageBody.objects.get(id=low).content) == b"x"


def test_old_days_go_but_not_the_bodies_of_what_still_waits(contoso: Contoso) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example")
    old = TODAY + LONG_AGO
    ensure_partitions(old)
    moved = UUID(int=first_uuid7_of(datetime(old.year, old.month, old.day, tzinfo=UTC)).int + 1)
    Delivery.objects.filter(message_id=message_id).update(message_id=moved)
    dropped = drop_old_partitions()
    assert f"transport_trackingevent_{old:%Y%m%d}" in dropped
    assert f"transport_messagebody_{old + timedelta(days=1):%Y%m%d}" in dropped
    assert f"transport_messagebody_{old:%Y%m%d}" not in dropped
    Delivery.objects.all().delete()
    assert f"transport_messagebody_{old:%Y%m%d}" in drop_old_partitions()


def test_what_is_old_and_empty_goes(contoso: Contoso, to_peer: SendConnector) -> None:
    for recipient in ("x@elsewhere.example", "bob@contoso.example"):
        send(contoso.alice_mailbox, recipient)
    deliver()
    Queue.objects.update(created_at=timezone.now() + LONG_AGO, connecting_until=None)
    Heartbeat.objects.create(process="worker/gone/1", kind="worker", at=timezone.now() + LONG_AGO)
    old = Message.objects.create(
        id=first_uuid7_of(timezone.now() + LONG_AGO),
        tenant=contoso.tenant,
        size=1,
        origin="console",
        incoming=False,
        received_at=timezone.now(),
        expires_at=timezone.now(),
    )
    housekeep()
    # The queue of mailboxes stays: every tenant needs it again at once.
    assert [row.next_hop_domain for row in Queue.objects.all()] == ["Mailboxes"]
    assert not Message.objects.filter(pk=old.pk).exists()
    assert Message.objects.count() == 2
    assert not Heartbeat.objects.exists()


def test_a_delivery_whose_queue_was_tidied_away_gets_it_back(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector
) -> None:
    send(contoso.alice_mailbox, "x@elsewhere.example")
    Queue.objects.all().delete()
    deliver()
    assert not peer.messages
    assert sweep.sweep_once()
    deliver()
    assert len(peer.messages) == 1


def test_a_heart_beats_in_one_row() -> None:
    for _ in range(2):
        beat("worker")
    assert Heartbeat.objects.get().kind == "worker"


def test_tasks_do_the_work_and_ask_for_more_only_where_there_is_some(
    contoso: Contoso, peer: StubSmtp, to_peer: SendConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints: list[str] = []
    for module in (tasks, sweep):
        monkeypatch.setattr(module, "wake", lambda task, *_: hints.append(task))
    send(contoso.alice_mailbox, "x@elsewhere.example")
    tasks.sweep()
    tasks.deliver()
    tasks.reroute(str(contoso.tenant.pk))
    tasks.housekeeping()
    assert hints == ["transport.deliver"]
    assert len(peer.messages) == 1
    assert Heartbeat.objects.get().kind == "beat"


def test_the_sweep_delivers_without_a_broker(contoso: Contoso, peer: StubSmtp, to_peer: SendConnector) -> None:
    send(contoso.alice_mailbox, "x@elsewhere.example")
    call_command("sweep", deliver=True)
    assert TrackingEvent.objects.filter(event_id="SEND").count() == 1


def test_fifty_versions_of_each_object_stay_and_all_of_the_last_year(contoso: Contoso) -> None:
    often, seldom, lately = (UUID(int=number) for number in range(3))
    keep_versions(contoso, often, 53, days_ago=400)
    keep_versions(contoso, seldom, 50, days_ago=400)
    keep_versions(contoso, lately, 53, days_ago=300)
    housekeep()
    kept = {pk: ConfigurationVersion.objects.filter(object_id=pk).order_by("number") for pk in (often, seldom, lately)}
    assert [kept[often][0].number, *map(len, kept.values())] == [4, 50, 50, 53]


def keep_versions(contoso: Contoso, object_id: UUID, count: int, *, days_ago: int) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    ConfigurationVersion.objects.bulk_create(
        ConfigurationVersion(
            id=uuid7_at(int(at.timestamp() * 1000)),
            tenant=contoso.tenant,
            object_type="mailbox",
            object_id=object_id,
            number=number,
            at=at,
            config_version=number,
        )
        for number in range(1, count + 1)
    )
