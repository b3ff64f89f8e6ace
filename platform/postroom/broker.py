"""The broker's side of PostgreSQL: pgmq's schema under a role that reaches no tenant's table (design §12.16)."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction
from pgmq.install import get_embedded_install_sql

from tenants.rls import MAKE_BROKER_ROLE

QUEUES = ("deliver", "sweep")

# pgmq's script checks the right to make a schema even where the schema is there.
_LEND_DATABASE = (
    "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO postroom_broker', current_database()); END $$"
)
_TAKE_DATABASE = (
    "DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM postroom_broker', current_database()); END $$"
)


def uses_pgmq() -> bool:
    return str(settings.CELERY_BROKER_URL).startswith("pgmq:")


def install_broker() -> None:
    """Make pgmq's schema and our queues in it, once. Runs as the database's owner."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MAKE_BROKER_ROLE)
        cursor.execute("SELECT to_regclass('pgmq.meta') IS NOT NULL")
        if not cursor.fetchone()[0]:
            cursor.execute(_LEND_DATABASE)
            cursor.execute("CREATE SCHEMA IF NOT EXISTS pgmq AUTHORIZATION postroom_broker")
            cursor.execute("SET LOCAL ROLE postroom_broker")
            # The script is the package's own and holds percent signs: it goes past parameter parsing.
            cursor.connection.cursor().execute(get_embedded_install_sql())
            cursor.execute("RESET ROLE")
            cursor.execute(_TAKE_DATABASE)
        cursor.execute("SET LOCAL ROLE postroom_broker")
        for queue in QUEUES:
            cursor.execute("SELECT pgmq.create(%s)", [queue])
        cursor.execute("RESET ROLE")
