"""Deleting an organisation: nothing of it stays in any table, nothing of others goes, and a kill costs nothing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.deletion import ask_deletion, keep_tenant
from tenants.actions.domains import create_accepted_domain, record_dns_findings
from tenants.models import AcceptedDomain, AuditEvent, Mailbox, Tenant, User
from tenants.problems import Problem
from tenants.scope import FLOW_ROLE, scope
from tests import factories
from tests.conftest import Contoso
from tests.walls.furnish import Furnished, furnish
from transport import purge
from transport.access import relay_refusals
from transport.models import MailboxBody, MailboxMessage, MessageBody, Queue, RelayRefusal, TrackingEvent
from transport.purge import purge_due, remove_rows, tables_in_order

pytestmark = pytest.mark.django_db
OPERATOR = Actor("operator", "", "operator@postroom.example")


def tables_with_tenants() -> list[str]:
    """Return every table of the database that has a tenant_id, whatever Django knows of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
            "AND a.attname = 'tenant_id' AND NOT a.attisdropped"
        )
        return [row[0] for row in cursor.fetchall()]


def rows_of(tenant_id: UUID) -> dict[str, int]:
    """Return how many rows of a tenant each table holds, where it holds any."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables_with_tenants():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [tenant_id])  # noqa: S608
            if count := cursor.fetchone()[0]:
                found[table] = count
    return found


@pytest.fixture
def leaver(db: None, settings: Settings) -> Furnished:
    """A tenant with something in every table, whose day has come."""
    settings.POSTROOM_DELETION_GRACE = 0
    furnished = furnish("leaver", "canary-of-leaver")
    ask_deletion(actor=OPERATOR, tenant=furnished.tenant, confirm="leaver", days=0)
    return furnished


def test_no_table_keeps_a_row_and_no_body_a_byte(contoso: Contoso, leaver: Furnished) -> None:
    before, others = rows_of(leaver.tenant.pk), rows_of(contoso.tenant.pk)
    assert set(tables_in_order()) <= set(tables_with_tenants())
    assert len(before) > 15
    assert not purge_due()
    assert rows_of(leaver.tenant.pk) == {}
    assert not Tenant.objects.filter(slug="leaver").exists()
    bodies = [
        *MessageBody.objects.values_list("content", flat=True),
        *MailboxBody.objects.values_list("content", flat=True),
    ]
    assert not any(b"canary-of-leaver" in bytes(content) for content in bodies)
    assert rows_of(contoso.tenant.pk) == others


def test_each_batch_leaves_what_can_be_committed(leaver: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    """References are checked when a batch is committed, which a test within one transaction never does."""

    def remove_and_check(tenant_id: UUID, table: str, limit: int) -> int:
        count = remove_rows(tenant_id, table, limit)
        connection.check_constraints()
        return count

    monkeypatch.setattr(purge, "remove_rows", remove_and_check)
    assert not purge_due()
    order = tables_in_order()
    assert order.index("tenants_mailbox") < order.index("tenants_accepteddomain")


def test_one_line_of_the_platforms_log_says_what_went_and_by_whose_wish(leaver: Furnished) -> None:
    purge_due()
    event = AuditEvent.objects.get(action="tenant.delete")
    assert (event.tenant_id, event.object_name) == (None, leaver.tenant.name)
    assert (event.before or {})["deletion_asked_by"] == OPERATOR.name
    removed = (event.after or {})["removed"]
    assert removed["transport_message"] >= 1
    assert removed["tenants_mailbox"] >= 1


def test_people_who_belong_elsewhere_stay_and_others_go(contoso: Contoso, leaver: Furnished) -> None:
    factories.make_membership(leaver.tenant, contoso.bob)
    operator = factories.make_user("op@postroom.example", is_operator=True)
    factories.make_membership(leaver.tenant, operator)
    alone = [user.pk for user in leaver.people.values()]
    purge_due()
    assert User.objects.filter(pk__in=[contoso.bob.pk, operator.pk]).count() == 2
    assert not User.objects.filter(pk__in=alone).exists()


def test_a_run_that_is_cut_short_is_gone_on_with(leaver: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 1)
    runs = 1
    while purge_due(seconds=0.0):
        assert Tenant.objects.get(slug="leaver").deletion_started_at
        runs += 1
    assert runs > 5
    assert rows_of(leaver.tenant.pk) == {}


def test_the_domain_is_free_and_its_next_owner_sees_nothing_of_the_old_one(contoso: Contoso, leaver: Furnished) -> None:
    RelayRefusal.objects.create(
        domain=leaver.domain, count=3, at=timezone.now(), sender="a@b.example", recipient=f"x@{leaver.domain}"
    )
    purge_due()
    with scope(contoso.tenant):
        domain = create_accepted_domain(actor=SYSTEM, tenant=contoso.tenant, domain=leaver.domain)
        record_dns_findings(actor=SYSTEM, domain=domain, findings={}, proof_seen=True)
        assert AcceptedDomain.objects.get(domain=leaver.domain).is_verified
        assert not Queue.objects.exists()
        assert not TrackingEvent.objects.exists()
        assert not MailboxMessage.objects.exists()
        assert Mailbox.objects.count() == 2
        assert relay_refusals() == []


def test_what_daemons_still_write_is_waited_for(leaver: Furnished, settings: Settings) -> None:
    settings.POSTROOM_DELETION_GRACE = 3600
    purge_due()
    tenant = Tenant.objects.get(slug="leaver")
    assert not tenant.is_active
    Tenant.objects.update(deletion_started_at=timezone.now() - timedelta(hours=2))
    TrackingEvent.objects.create(
        tenant_id=tenant.pk,
        at=timezone.now(),
        event_id="RECEIVE",
        source="SMTP",
        message_id=tenant.pk,
        size=1,
        recipients=[],
        incoming=True,
    )
    purge_due()
    assert rows_of(tenant.pk) == {}


def test_before_the_day_nothing_is_removed_and_it_can_be_undone(contoso: Contoso) -> None:
    ask_deletion(actor=Actor.user(contoso.alice), tenant=contoso.tenant, confirm="contoso")
    before = rows_of(contoso.tenant.pk)
    purge_due()
    assert rows_of(contoso.tenant.pk) == before
    keep_tenant(actor=Actor.user(contoso.alice), tenant=contoso.tenant)
    assert not Tenant.objects.get().is_to_be_deleted


def test_an_owner_cannot_hurry_it_nor_undo_what_an_operator_planned(contoso: Contoso) -> None:
    alice = Actor.user(contoso.alice)
    with pytest.raises(Problem, match=r"tenant\.invalid_notice_period"):
        ask_deletion(actor=alice, tenant=contoso.tenant, confirm="contoso", days=0)
    ask_deletion(actor=OPERATOR, tenant=contoso.tenant, confirm="contoso", days=3)
    with pytest.raises(Problem, match=r"tenant\.deletion_by_operator"):
        keep_tenant(actor=alice, tenant=contoso.tenant)
    keep_tenant(actor=OPERATOR, tenant=contoso.tenant)


def test_once_begun_there_is_no_way_back(leaver: Furnished, settings: Settings) -> None:
    settings.POSTROOM_DELETION_GRACE = 3600
    purge_due()
    with pytest.raises(Problem, match=r"tenant\.being_deleted"):
        keep_tenant(actor=OPERATOR, tenant=leaver.tenant)


def test_the_databases_own_lock_opens_for_a_begun_deletion_alone(contoso: Contoso) -> None:
    with pytest.raises(DatabaseError, match="has not begun"), transaction.atomic():
        remove_rows(contoso.tenant.pk, "tenants_auditevent", 10)
    denied = pytest.raises(DatabaseError, match="permission denied")
    with denied, scope(contoso.tenant), connection.cursor() as cursor:
        cursor.execute("SELECT purge_tenant_rows('tenants_auditevent', %s, 1)", [contoso.tenant.pk])


def test_the_mail_flows_role_can_do_it_all(leaver: Furnished) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('role', %s, true)", [FLOW_ROLE])
        purge_due()
        cursor.execute("RESET ROLE")
    assert rows_of(leaver.tenant.pk) == {}
