"""A table that does not keep tenants apart is found, and nothing starts on such a database."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from tenants.guards import find_faults, refuse_unguarded
from transport.tasks import look_at_guards

pytestmark = pytest.mark.django_db

HOLES = {
    "ALTER TABLE tenants_mailbox NO FORCE ROW LEVEL SECURITY": "tenants_mailbox does not force",
    "ALTER TABLE transport_queue DISABLE ROW LEVEL SECURITY": "transport_queue has no row-level security",
    "DROP POLICY tenant ON transport_message": "transport_message has no policy for postroom_web",
    "DROP POLICY flow ON tenants_apikey": "tenants_apikey has no policy for postroom_flow",
    "DROP POLICY operator ON transport_trackingevent": "transport_trackingevent has no policy for postroom_operator",
    "CREATE POLICY wide ON tenants_tenant TO postroom_web USING (true)": "tenants_tenant has a policy for postroom_web",
    "CREATE POLICY wide ON tenants_tenant TO PUBLIC USING (true)": "tenants_tenant has a policy for postroom_web",
    "GRANT SELECT ON transport_messagebody_rest TO postroom_web": "transport_messagebody_rest is a partition",
    "CREATE TABLE forgotten (tenant_id uuid)": "forgotten has no row-level security",
    "CREATE TABLE forgotten (owner uuid REFERENCES tenants_tenant)": "forgotten has no policy for postroom_web",
}


def make_hole(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_all_tables_are_guarded() -> None:
    assert find_faults() == []


@pytest.mark.parametrize("statement", HOLES)
def test_a_hole_is_found_and_named(statement: str) -> None:
    make_hole(statement)
    assert HOLES[statement] in "; ".join(map(str, find_faults()))


def test_a_table_that_tenants_cannot_reach_needs_no_guard() -> None:
    make_hole("CREATE TABLE platforms (tenant_id uuid)")
    make_hole("REVOKE ALL ON platforms FROM postroom_web")
    refuse_unguarded()


STARTS: dict[str, Callable[[], object]] = {
    "prepare": lambda: call_command("prepare"),
    "smtpd": lambda: call_command("smtpd"),
    "worker": look_at_guards,
    "web": lambda: importlib.reload(importlib.import_module("postroom.asgi")),
    "check": lambda: call_command("check", databases=["default"]),
}


@pytest.mark.parametrize("start", STARTS)
def test_nothing_starts_on_a_database_with_a_hole(start: str) -> None:
    make_hole("DROP POLICY tenant ON tenants_mailbox")
    with pytest.raises((CommandError, SystemCheckError, SystemExit), match="tenants_mailbox has no policy"):
        STARTS[start]()
