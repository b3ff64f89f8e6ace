"""Whether every table with tenants' rows is behind row-level security; a platform with a hole in it does not start.

Asked of the database's catalogue and not of the models: a table that Django does not know, or a policy that went
missing, leaks as well as a migration that forgot one (design §2.4).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from typing_extensions import override

logger = logging.getLogger(__name__)

# A table is a tenant's by its column, by a foreign key of any name, or because it is the list of tenants itself. What
# `web` has no right to at all needs no policy. Policies count where they widen: restrictive ones only narrow.
FAULTS = """
WITH role AS (
  SELECT r.oid, r.rolname::text AS name FROM pg_roles r
  WHERE r.rolname IN ('postroom_web', 'postroom_flow', 'postroom_operator')
), owned AS (
  SELECT c.oid, c.relname::text AS name, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND (c.oid = to_regclass('tenants_tenant')
      OR EXISTS (SELECT 1 FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
      OR EXISTS (SELECT 1 FROM pg_constraint k
                 WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = to_regclass('tenants_tenant')))
    AND (has_table_privilege('postroom_web', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
      OR has_any_column_privilege('postroom_web', c.oid, 'SELECT, INSERT, UPDATE'))
), policy AS (
  SELECT p.polrelid, p.polroles, concat(pg_get_expr(p.polqual, p.polrelid), ' ',
                                        pg_get_expr(p.polwithcheck, p.polrelid)) AS condition
  FROM pg_policy p WHERE p.polpermissive
)
SELECT name, 'has no row-level security' FROM owned WHERE NOT relrowsecurity
UNION ALL
SELECT name, 'does not force row-level security on its owner' FROM owned WHERE NOT relforcerowsecurity
UNION ALL
SELECT owned.name, 'has no policy for ' || role.name FROM owned CROSS JOIN role
WHERE NOT EXISTS (SELECT 1 FROM policy WHERE polrelid = owned.oid AND role.oid = ANY (polroles))
UNION ALL
SELECT owned.name, 'has a policy for postroom_web that does not ask for the tenant' FROM owned
WHERE EXISTS (
  SELECT 1 FROM policy
  WHERE polrelid = owned.oid AND condition NOT LIKE '%%app_tenant()%%'
    AND (0 = ANY (polroles) OR (SELECT oid FROM role WHERE name = 'postroom_web') = ANY (polroles)))
UNION ALL
SELECT c.relname::text, 'is a partition that ' || role.name || ' can reach past its table''s policies'
FROM pg_class c CROSS JOIN role
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relispartition
  AND has_table_privilege(role.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """A table that does not keep tenants apart, and what it lacks."""

    table: str
    lack: str

    @override
    def __str__(self) -> str:
        return f"{self.table} {self.lack}"


class NotGuarded(CommandError):
    """A table with tenants' rows lacks its guard: nothing may be served from it. A command says so in one line."""


def find_faults() -> list[Fault]:
    """Return the tables with tenants' rows that lack something of their guard: one query of the catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(FAULTS, [])
        return [Fault(*row) for row in cursor.fetchall()]


def refuse_unguarded() -> None:
    """Raise NotGuarded where a table lacks its guard: each process calls it once, before it serves anybody.

    With the database away there is nothing to serve from; the processes that wait for it say so themselves.
    """
    try:
        faults = find_faults()
    except OperationalError as error:
        logger.warning("The guards of the tenants' tables could not be looked at: %s", error)
        return
    if faults:
        raise NotGuarded("Tenants are not kept apart: " + "; ".join(map(str, faults)) + ".")


@register(Tags.database)
def check_guards(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Tell `manage.py check --database default` of tables that lack their guard."""
    if not databases:
        return []
    hint = "Guard it in the migration that makes it: tenants/rls.py, guard() or hide_from_web()."
    return [Error(f"{fault}.", hint=hint, id="tenants.E001") for fault in find_faults()]
