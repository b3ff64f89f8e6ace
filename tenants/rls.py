"""Row-level security as migrations write it: roles, guards and grants (design §2.4, §12.1).

Roles belong to the whole PostgreSQL cluster, so making them is safe to repeat. They are NOINHERIT: a
role that may become another one does not see with the other's eyes until it does.
"""

from __future__ import annotations

from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation

ROLES = ("postroom_web", "postroom_flow", "postroom_operator")

MAKE_ROLES = """
DO $$
DECLARE
  name text;
  modern boolean := current_setting('server_version_num')::int >= 160000;
  plain text := CASE WHEN modern THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
  -- From 16 on, whoever makes a role is its member for administration alone, and cannot become it.
  may_become text := CASE WHEN modern THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  FOREACH name IN ARRAY ARRAY['postroom_web', 'postroom_flow', 'postroom_operator'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
  -- The owner sees what the flow sees (data migrations, SECURITY DEFINER functions) and may become each role.
  IF NOT pg_has_role(current_user, 'postroom_flow', 'USAGE') THEN
    EXECUTE format('GRANT postroom_flow TO %I', current_user);
  END IF;
  IF NOT pg_has_role(current_user, 'postroom_web', may_become) THEN
    EXECUTE format('GRANT postroom_web TO %I%s', current_user, plain);
  END IF;
  IF NOT pg_has_role(current_user, 'postroom_operator', may_become) THEN
    EXECUTE format('GRANT postroom_operator TO %I%s', current_user, plain);
  END IF;
  -- An operator's request steps up from web for its transaction; flow and operator may step down to one tenant.
  IF NOT pg_has_role('postroom_web', 'postroom_operator', 'MEMBER') THEN
    EXECUTE 'GRANT postroom_operator TO postroom_web' || plain;
  END IF;
  IF NOT pg_has_role('postroom_flow', 'postroom_web', 'MEMBER') THEN
    EXECUTE 'GRANT postroom_web TO postroom_flow' || plain;
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO postroom_web, postroom_flow, postroom_operator;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO postroom_web, postroom_flow, postroom_operator;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO postroom_web, postroom_flow, postroom_operator;
"""

# The broker's role owns pgmq's schema and reaches no table of ours (design §12.16).
MAKE_BROKER_ROLE = """
DO $$
DECLARE
  modern boolean := current_setting('server_version_num')::int >= 160000;
  may_become text := CASE WHEN modern THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  BEGIN
    CREATE ROLE postroom_broker NOLOGIN NOINHERIT;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END;
  IF NOT pg_has_role(current_user, 'postroom_broker', may_become) THEN
    EXECUTE format('GRANT postroom_broker TO %I', current_user);
  END IF;
END $$
"""

# Raises when no tenant is set: a forgotten scope is an error, never an empty page that looks right.
# SQL and STABLE, so that the planner inlines it and policies use indexes.
APP_TENANT = """
CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT current_setting('postroom.tenant')::uuid $$;
"""


def make_roles() -> Operation:
    return RunSQL(MAKE_ROLES, RunSQL.noop)


def make_app_tenant() -> Operation:
    return RunSQL(APP_TENANT, "DROP FUNCTION app_tenant()")


def guard(table: str, column: str = "tenant_id") -> Operation:
    """Return the operation that guards a table: `web` sees one tenant's rows, flow and operator all."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON {table} TO postroom_web USING ({column} = app_tenant());
        CREATE POLICY flow ON {table} TO postroom_flow USING (true);
        CREATE POLICY operator ON {table} TO postroom_operator USING (true);
        """,
        f"""
        DROP POLICY tenant ON {table};
        DROP POLICY flow ON {table};
        DROP POLICY operator ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def without_tenant(table: str) -> Operation:
    """Return the operation that opens a table to `web` only while no tenant is set: what signing in needs.

    So the requests of a tenant, its code and its mistakes, never come by anybody's authenticators or sessions.
    """
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY signing_in ON {table} TO postroom_web
          USING (coalesce(current_setting('postroom.tenant', true), '') = '');
        CREATE POLICY flow ON {table} TO postroom_flow USING (true);
        CREATE POLICY operator ON {table} TO postroom_operator USING (true);
        """,
        f"""
        DROP POLICY signing_in ON {table};
        DROP POLICY flow ON {table};
        DROP POLICY operator ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def hide_from_web(table: str) -> Operation:
    """Return the operation that keeps a table of the platform from the tenants' role altogether."""
    return RunSQL(
        f"REVOKE ALL ON {table} FROM postroom_web",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO postroom_web",
    )


def append_only(table: str) -> Operation:
    """Return the operation that lets every role add and read rows of a log, and none change one."""
    roles = ", ".join(ROLES)
    return RunSQL(f"REVOKE UPDATE, DELETE ON {table} FROM {roles}", f"GRANT UPDATE, DELETE ON {table} TO {roles}")


def within(table: str, **parents: str) -> Operation:
    """Return the operation that holds the rows a tenant writes to parents of its own: `column="parent_table"`.

    A foreign key alone does not: PostgreSQL checks it past the policies, with the eyes of the table's owner. Here the
    parent is looked for with the eyes of `web`, under the policy of its own table.
    """
    check = " AND ".join(
        f"EXISTS (SELECT 1 FROM {parent} p WHERE p.id = {table}.{column})"  # noqa: S608  # a migration's own names
        for column, parent in parents.items()
    )
    return RunSQL(
        f"""
        CREATE POLICY made_within ON {table} AS RESTRICTIVE FOR INSERT TO postroom_web WITH CHECK ({check});
        CREATE POLICY changed_within ON {table} AS RESTRICTIVE FOR UPDATE TO postroom_web
          USING (true) WITH CHECK ({check});
        """,
        f"DROP POLICY made_within ON {table}; DROP POLICY changed_within ON {table};",
    )
