"""The second lock: with Django's scoping left out, the database alone keeps tenants apart (invariant 4)."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError, ProgrammingError, connection
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tenants.actions.audit import audit
from tenants.actions.keys import create_api_key
from tenants.actions.tenants import change_tenant
from tenants.models import AcceptedDomain, AuditEvent, Mailbox, Plan, Tenant
from tenants.scope import no_tenant, operator_scope, scope
from tests import factories
from tests.conftest import Contoso
from transport.models import ReceiveConnector, SmartHost

pytestmark = pytest.mark.django_db


def test_a_scope_shows_its_tenant_and_no_other(contoso: Contoso) -> None:
    other = factories.make_tenant("fabrikam")
    factories.make_domain(other, "fabrikam.example")
    with scope(other):
        assert [row.domain for row in AcceptedDomain.objects.all()] == ["fabrikam.example"]
        assert not Mailbox.objects.exists()


def test_a_query_with_no_tenant_set_is_an_error(contoso: Contoso) -> None:
    with pytest.raises(DatabaseError), no_tenant():
        Mailbox.objects.exists()


def test_a_row_cannot_be_written_into_another_tenant(contoso: Contoso) -> None:
    other = factories.make_tenant("fabrikam")
    with pytest.raises(ProgrammingError, match="row-level security"), scope(other):
        AcceptedDomain.objects.create(tenant=contoso.tenant, domain="evil.example", name="evil")


def test_leaving_a_scope_gives_the_outer_one_back(contoso: Contoso) -> None:
    other = factories.make_tenant("fabrikam")
    with scope(contoso.tenant):
        with scope(other):
            assert not Mailbox.objects.exists()
        assert Mailbox.objects.count() == 2


def test_a_failed_statement_in_a_scope_leaves_the_outer_one_usable(contoso: Contoso) -> None:
    with pytest.raises(DatabaseError), scope(contoso.tenant), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    with scope(contoso.tenant):
        assert Mailbox.objects.count() == 2


def test_an_operator_sees_all_tenants(contoso: Contoso) -> None:
    factories.make_tenant("fabrikam")
    with operator_scope():
        assert Tenant.objects.count() == 2


@pytest.mark.parametrize("statement", ["UPDATE tenants_auditevent SET action = ''", "DELETE FROM tenants_auditevent"])
def test_the_audit_log_cannot_be_changed_even_by_an_operator(contoso: Contoso, statement: str) -> None:
    audit(actor=SYSTEM, tenant=contoso.tenant, action="test")
    assert AuditEvent.objects.exists()
    with pytest.raises(ProgrammingError, match="permission denied"), operator_scope(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_tenants_cannot_read_the_platforms_refusals(contoso: Contoso) -> None:
    denied = pytest.raises(ProgrammingError, match="permission denied")
    with denied, scope(contoso.tenant), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM transport_relayrefusal")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_tenant SET max_mailboxes = 1000000",
        "UPDATE tenants_tenant SET status = 'active'",
        "UPDATE tenants_tenant SET slug = 'other'",
        "UPDATE tenants_user SET is_operator = true",
        "DELETE FROM tenants_user",
        "DELETE FROM django_migrations",
        "DELETE FROM transport_heartbeat",
        "UPDATE tenants_tenant SET messages_per_hour = 1000000",
        "UPDATE tenants_tenant SET plan_id = NULL",
        "UPDATE tenants_plan SET messages_per_hour = 1000000",
        "DELETE FROM transport_usage",
        "INSERT INTO transport_usagedelta SELECT * FROM transport_usagedelta",
        "UPDATE transport_tenantload SET storage = 0",
        "DELETE FROM transport_limitnotice",
        "INSERT INTO transport_suppressedaddress SELECT * FROM transport_suppressedaddress",
        "UPDATE transport_suppressedaddress SET expires_at = now()",
    ],
)
def test_a_tenants_session_may_not_write_what_it_never_writes(contoso: Contoso, statement: str) -> None:
    denied = pytest.raises(ProgrammingError, match="permission denied")
    with denied, scope(contoso.tenant), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_tenants_session_sees_the_plan_that_counts_for_it_and_no_other(contoso: Contoso) -> None:
    own, standard, _ = (Plan.objects.get_or_create(name=name)[0] for name in ("Own", "Default", "Other"))
    Plan.objects.filter(is_default=True).delete()
    Plan.objects.filter(pk=standard.pk).update(is_default=True)
    Tenant.objects.filter(pk=contoso.tenant.pk).update(plan=own)
    with scope(contoso.tenant):
        assert {plan.name for plan in Plan.objects.all()} == {"Own", "Default"}


def test_a_tenants_session_cannot_make_an_operator_or_an_operators_key(contoso: Contoso) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), scope(contoso.tenant):
        factories.make_user("evil@contoso.example", is_operator=True)
    with pytest.raises(ProgrammingError, match="row-level security"), scope(contoso.tenant):
        create_api_key(actor=SYSTEM, name="evil", tenant=None)


def test_a_tenants_session_writes_what_signing_in_and_settings_need(contoso: Contoso) -> None:
    with scope(contoso.tenant):
        factories.make_user("new@contoso.example").save(update_fields=["last_login", "password"])
        change_tenant(actor=SYSTEM, tenant=contoso.tenant, name="Contoso Ltd", time_zone="Asia/Tokyo")


def test_a_tenants_session_approves_no_ranges_and_changes_no_approved_ones(contoso: Contoso) -> None:
    relay = factories.make_receive_connector(contoso.tenant, remote_ranges=["192.0.2.7/32"], approved_at=timezone.now())
    other = factories.make_receive_connector(contoso.tenant, remote_ranges=["192.0.2.8/32"])
    mine = ReceiveConnector.objects.filter
    with pytest.raises(ProgrammingError, match="only an operator"), scope(contoso.tenant):
        mine(pk=other.pk).update(approved_at=timezone.now())
    with pytest.raises(ProgrammingError, match="only an operator"), scope(contoso.tenant):
        mine(pk=relay.pk).update(remote_ranges=["0.0.0.0/0"])
    with scope(contoso.tenant):
        assert mine(pk=relay.pk).update(name="Printers", enabled=False) == 1
        assert mine(pk=relay.pk).update(remote_ranges=["192.0.2.9/32"], approved_at=None) == 1


def test_a_row_cannot_hang_on_another_tenants_parent(contoso: Contoso) -> None:
    """Mail for alice would go to the thief: RCPT looks an address up by its accepted domain."""
    theirs = AcceptedDomain.objects.get()
    other = factories.make_tenant("fabrikam")
    thief = factories.make_mailbox(factories.make_domain(other, "fabrikam.example"), "thief")
    connector = factories.make_send_connector(contoso.tenant)
    with pytest.raises(ProgrammingError, match="row-level security"), scope(other):
        factories.make_address(thief, theirs, "ceo")
    with pytest.raises(ProgrammingError, match="row-level security"), scope(other):
        SmartHost.objects.create(tenant=other, connector=connector, host="evil.example")
    with scope(other):
        factories.make_address(thief, AcceptedDomain.objects.get(), "second")


def test_functions_that_run_as_their_owner_name_their_schemas_and_their_callers(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace "
            "AND (has_function_privilege('postroom_broker', oid, 'EXECUTE') "
            "OR NOT 'search_path=public, pg_temp' = ANY(coalesce(proconfig, '{}')))"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_accepteddomain SET suspended_at = NULL",
        "UPDATE tenants_tenant SET suspended_at = NULL, suspension_reason = ''",
        "UPDATE tenants_tenant SET deletion_due_at = NULL",
        "UPDATE tenants_user SET is_active = true",
        "UPDATE tenants_user SET suspended_at = NULL",
    ],
)
def test_a_tenants_session_does_not_lift_what_an_operator_suspended(contoso: Contoso, statement: str) -> None:
    denied = pytest.raises(ProgrammingError, match="permission denied")
    with denied, scope(contoso.tenant), connection.cursor() as cursor:
        cursor.execute(statement)


def test_what_operators_did_in_the_admin_is_no_tenants_to_see(contoso: Contoso) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), scope(contoso.tenant):
        LogEntry.objects.count()
