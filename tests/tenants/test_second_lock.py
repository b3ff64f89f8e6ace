"""The second lock alone: no filter of ours and every right granted, row-level security gives out, changes, removes
and takes in nothing of another tenant, in any table (invariant 4).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from tenants.identifiers import uuid7
from tenants.scope import scope
from tests.walls.furnish import Furnished, furnish, owned_models, owned_tables
from tests.walls.watch import undone

pytestmark = pytest.mark.django_db
TENANTS = "tenants_tenant"


@pytest.fixture
def near(db: None) -> Furnished:
    return furnish("aegis", "tangerine")


@pytest.fixture
def far(db: None) -> Furnished:
    return furnish("bellerophon", "quicksilver")


def run(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


def key_of(table: str) -> str:
    """Return the column that says whose a row is."""
    return "id" if table == TENANTS else "tenant_id"


def is_hidden(table: str) -> bool:
    """Return whether tenants have no right to a table at all."""
    wanted = "has_table_privilege('postroom_web', %s, 'SELECT, INSERT, UPDATE, DELETE')"
    return not run(f"SELECT {wanted} OR has_any_column_privilege('postroom_web', %s, 'SELECT')", table, table)[0][0]


def tables() -> Iterator[str]:
    """Yield the tables that a tenant can reach, with every right to them: only the policies stand in between."""
    for table in [TENANTS, *owned_tables()]:
        if not is_hidden(table):
            with undone():
                run(f"GRANT ALL ON {table} TO postroom_web")
                yield table


def test_every_table_has_a_row_of_either(near: Furnished, far: Furnished) -> None:
    for table in [TENANTS, *owned_tables()]:
        for one in (near, far):
            rows = run(f"SELECT count(*) FROM {table} WHERE {key_of(table)} = %s", one.tenant.pk)  # noqa: S608
            assert rows[0][0] > 0, f"{table} is empty: add a maker to tests/walls/furnish.py, MAKERS"


def test_nothing_of_another_tenant_is_read(near: Furnished, far: Furnished) -> None:
    for table in tables():
        with scope(near.tenant):
            seen = {whose for (whose,) in run(f"SELECT DISTINCT {key_of(table)} FROM {table}")}  # noqa: S608
        assert seen == {near.tenant.pk}, table


def test_djangos_own_queries_left_unfiltered_find_nothing_of_another_tenant(near: Furnished, far: Furnished) -> None:
    for model in owned_models():
        if not is_hidden(model._meta.db_table):
            with undone():
                run(f"GRANT ALL ON {model._meta.db_table} TO postroom_web")
                with scope(near.tenant):
                    whose = set(model._default_manager.values_list("tenant_id", flat=True))
            assert whose == {near.tenant.pk}, model


def test_nothing_of_another_tenant_is_changed(near: Furnished, far: Furnished) -> None:
    for table in tables():
        column = key_of(table)
        with scope(near.tenant):
            changed = run(f"UPDATE {table} SET {column} = {column} WHERE {column} = %s", far.tenant.pk)  # noqa: S608
        assert changed == [0], table


def test_nothing_of_another_tenant_is_removed(near: Furnished, far: Furnished) -> None:
    for table in tables():
        with scope(near.tenant):
            removed = run(f"DELETE FROM {table} WHERE {key_of(table)} = %s", far.tenant.pk)  # noqa: S608
        assert removed == [0], table


def test_nothing_is_put_into_another_tenant(near: Furnished, far: Furnished) -> None:
    for table in tables():
        row = a_row_of(table, far)
        columns = ", ".join(f'"{name}"' for name in row)
        source = f"SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s)"  # noqa: S608
        with refused_by_policy(table), scope(near.tenant):
            run(f"INSERT INTO {table} ({columns}) {source}", json.dumps(row))


def a_row_of(table: str, of: Furnished) -> dict[str, Any]:
    """Return a row of a table as JSON, under a new id."""
    found = run(f"SELECT to_jsonb(t) FROM {table} t WHERE {key_of(table)} = %s LIMIT 1", of.tenant.pk)[0][0]  # noqa: S608
    row: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    made = run("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attgenerated <> ''", table)
    row = {name: value for name, value in row.items() if (name,) not in made}
    return row | ({"id": str(uuid7())} if isinstance(row.get("id"), str) else {})


@contextmanager
def refused_by_policy(table: str) -> Iterator[None]:
    """Expect the policies to refuse, and nothing else."""
    try:
        with transaction.atomic():
            yield
    except ProgrammingError as error:
        if "row-level security" not in str(error):
            raise
    else:
        pytest.fail(f"{table} took it in")


def test_what_is_ones_own_is_not_moved_into_another_tenant(near: Furnished, far: Furnished) -> None:
    for table in tables():
        if table != TENANTS:
            with refused_by_policy(table), scope(near.tenant):
                run(f"UPDATE {table} SET tenant_id = %s", far.tenant.pk)  # noqa: S608
