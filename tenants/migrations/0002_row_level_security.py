from __future__ import annotations

from django.db import migrations

from tenants.rls import append_only, guard

# Django's own tables may have been made before the roles were.
GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO postroom_web, postroom_flow, postroom_operator;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO postroom_web, postroom_flow, postroom_operator;
REVOKE INSERT, DELETE ON tenants_tenant FROM postroom_web;
"""

# Sign-in happens before a tenant is known: these three look-ups run as their owner and answer about one
# user, or one key, only.
LOOK_UPS = """
CREATE FUNCTION memberships_of(who uuid)
RETURNS TABLE (tenant_id uuid, slug varchar, name varchar, role varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.id, t.slug, t.name, m.role
  FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
  WHERE m.user_id = who AND t.status = 'active'
  ORDER BY t.name, t.id
$$;

CREATE FUNCTION use_api_key(key_digest bytea)
RETURNS TABLE (id uuid, tenant_id uuid, is_operator boolean, name varchar)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  -- Once a minute at most: the row must not be written by each request.
  UPDATE tenants_apikey k SET last_used_at = now()
  WHERE k.digest = key_digest AND k.revoked_at IS NULL
    AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute');
  RETURN QUERY
    SELECT k.id, k.tenant_id, k.is_operator, k.name FROM tenants_apikey k
    LEFT JOIN tenants_tenant t ON t.id = k.tenant_id
    WHERE k.digest = key_digest AND k.revoked_at IS NULL AND (k.is_operator OR t.status = 'active');
END $$;

REVOKE ALL ON FUNCTION memberships_of(uuid), use_api_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memberships_of(uuid), use_api_key(bytea) TO postroom_web, postroom_flow, postroom_operator;
"""

DROP_LOOK_UPS = "DROP FUNCTION use_api_key(bytea); DROP FUNCTION memberships_of(uuid);"

# A partial unique index says "at most one"; this says "at least one", at the end of the transaction.
REPLY_ADDRESS = """
CREATE FUNCTION mailbox_has_reply_address() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  box uuid;
BEGIN
  IF TG_TABLE_NAME = 'tenants_mailbox' THEN box := NEW.id; ELSE box := OLD.mailbox_id; END IF;
  IF EXISTS (SELECT 1 FROM tenants_mailbox WHERE id = box)
     AND NOT EXISTS (SELECT 1 FROM tenants_emailaddress WHERE mailbox_id = box AND is_primary) THEN
    RAISE EXCEPTION 'mailbox % has no reply address', box
      USING ERRCODE = 'check_violation', CONSTRAINT = 'mailbox_has_reply_address';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER mailbox_has_reply_address AFTER INSERT ON tenants_mailbox
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mailbox_has_reply_address();
CREATE CONSTRAINT TRIGGER mailbox_keeps_reply_address AFTER UPDATE OR DELETE ON tenants_emailaddress
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mailbox_has_reply_address();
"""

DROP_REPLY_ADDRESS = """
DROP TRIGGER mailbox_keeps_reply_address ON tenants_emailaddress;
DROP TRIGGER mailbox_has_reply_address ON tenants_mailbox;
DROP FUNCTION mailbox_has_reply_address();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_tenants")]
    operations = [
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
        guard("tenants_tenant", "id"),
        guard("tenants_membership"),
        guard("tenants_accepteddomain"),
        guard("tenants_mailbox"),
        guard("tenants_emailaddress"),
        guard("tenants_apikey"),
        guard("tenants_auditevent"),
        append_only("tenants_auditevent"),
        migrations.RunSQL(LOOK_UPS, DROP_LOOK_UPS),
        migrations.RunSQL(REPLY_ADDRESS, DROP_REPLY_ADDRESS),
    ]
