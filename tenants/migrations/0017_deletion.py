from __future__ import annotations

from django.db import migrations, models

# The one way to remove rows of logs that nobody may change: those of a tenant whose deletion has begun, and nothing
# else. It runs as the tables' owner, so that every table of a tenant can be emptied whatever its grants.
PURGE = """
CREATE FUNCTION purge_tenant_rows(target text, whose uuid, most integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  gone bigint;
  boxes uuid[];
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM tenants_tenant WHERE id = whose AND deletion_started_at IS NOT NULL AND status <> 'active'
  ) THEN
    RAISE EXCEPTION 'the deletion of tenant % has not begun', whose USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF target = 'tenants_tenant' OR NOT EXISTS (
    SELECT 1 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relname = target AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id'
      AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
  ) THEN
    RAISE EXCEPTION '% holds no rows of tenants', target USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF target = 'tenants_emailaddress' THEN
    RETURN 0;  -- a mailbox keeps its reply address as long as it is there: they go with it
  END IF;
  IF target = 'tenants_mailbox' THEN
    SELECT array_agg(id) INTO boxes FROM (SELECT id FROM tenants_mailbox WHERE tenant_id = whose LIMIT most) AS chosen;
    DELETE FROM tenants_emailaddress WHERE mailbox_id = ANY(boxes);
    DELETE FROM tenants_mailbox WHERE id = ANY(boxes);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
  ELSIF target = 'tenants_accepteddomain' THEN
    -- What strangers were refused for these names is the next owner's business no more.
    DELETE FROM transport_relayrefusal r USING tenants_accepteddomain d
      WHERE d.tenant_id = whose AND d.verified_at IS NOT NULL AND r.domain = d.domain;
  ELSIF target = 'transport_message' THEN
    -- By key: bodies have no index by tenant.
    DELETE FROM transport_messagebody WHERE id IN (
      SELECT id FROM transport_message WHERE tenant_id = whose ORDER BY id DESC LIMIT most);
  ELSIF target = 'tenants_membership' THEN
    UPDATE tenants_user SET last_tenant_id = NULL WHERE last_tenant_id = whose;
  END IF;
  IF target = 'transport_message' THEN
    DELETE FROM transport_message WHERE id IN (
      SELECT id FROM transport_message WHERE tenant_id = whose ORDER BY id DESC LIMIT most);
  ELSE
    EXECUTE format(
      'DELETE FROM %1$I WHERE tenant_id = $1 AND (tableoid, ctid) IN '
      '(SELECT tableoid, ctid FROM %1$I WHERE tenant_id = $1 LIMIT $2)', target) USING whose, most;
  END IF;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION purge_tenant_rows(text, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purge_tenant_rows(text, uuid, integer) TO postroom_flow;
"""

# A person who goes leaves the invitations that they made in organisations that stay.
FORGET_INVITER = "GRANT UPDATE (invited_by_id) ON tenants_invitation TO postroom_flow"
REMEMBER_INVITER = "REVOKE UPDATE (invited_by_id) ON tenants_invitation FROM postroom_flow"

# Each page tells members of a planned deletion, and the look-up is made for each page anyway.
MEMBERSHIPS = """
DROP FUNCTION memberships_of(uuid);
CREATE FUNCTION memberships_of(who uuid)
RETURNS TABLE (tenant_id uuid, slug varchar, name varchar, role varchar{columns})
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.id, t.slug, t.name, m.role{values}
  FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
  WHERE m.user_id = who AND t.status = 'active' AND m.suspended_at IS NULL
  ORDER BY t.name, t.id
$$;
REVOKE ALL ON FUNCTION memberships_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memberships_of(uuid) TO postroom_web, postroom_flow, postroom_operator;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0016_roles_of_api_keys")]
    operations = [
        migrations.AddField(
            "tenant",
            "deletion_by_operator",
            models.BooleanField(default=False, db_default=False, editable=False),
        ),
        migrations.AddField("tenant", "deletion_counts", models.JSONField(null=True, blank=True, editable=False)),
        migrations.RunSQL(PURGE, "DROP FUNCTION purge_tenant_rows(text, uuid, integer)"),
        migrations.RunSQL(FORGET_INVITER, REMEMBER_INVITER),
        migrations.RunSQL(
            MEMBERSHIPS.format(
                columns=", deletion_due_at timestamptz, deletion_by_operator boolean",
                values=", t.deletion_due_at, t.deletion_by_operator",
            ),
            MEMBERSHIPS.format(columns="", values=""),
        ),
    ]
