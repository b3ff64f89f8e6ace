from __future__ import annotations

from django.db import migrations, models

# As in 0002, with the role. What it returns changes, so that it cannot be replaced in place.
DROP = "DROP FUNCTION use_api_key(bytea);"
LOOK_UP = """
CREATE FUNCTION use_api_key(key_digest bytea)
RETURNS TABLE (id uuid, tenant_id uuid, is_operator boolean, name varchar{type})
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  -- Once a minute at most: the row must not be written by each request.
  UPDATE tenants_apikey k SET last_used_at = now()
  WHERE k.digest = key_digest AND k.revoked_at IS NULL
    AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute');
  RETURN QUERY
    SELECT k.id, k.tenant_id, k.is_operator, k.name{column} FROM tenants_apikey k
    LEFT JOIN tenants_tenant t ON t.id = k.tenant_id
    WHERE k.digest = key_digest AND k.revoked_at IS NULL AND (k.is_operator OR t.status = 'active');
END $$;
REVOKE ALL ON FUNCTION use_api_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION use_api_key(bytea) TO postroom_web, postroom_flow, postroom_operator;
"""

# A key's role, like all of it but its end, is what it was made with.
NARROW = """
REVOKE UPDATE ON tenants_apikey FROM postroom_web;
GRANT UPDATE (revoked_at) ON tenants_apikey TO postroom_web;
"""
WIDEN = """
REVOKE UPDATE (revoked_at) ON tenants_apikey FROM postroom_web;
GRANT UPDATE ON tenants_apikey TO postroom_web;
"""

ROLES = ["owner", "admin", "helpdesk", "auditor", "mailbox_user"]


class Migration(migrations.Migration):
    dependencies = [("tenants", "0015_second_factors_of_members")]
    operations = [
        migrations.AddField(
            "apikey",
            "role",
            models.CharField(
                choices=[
                    ("owner", "owner"),
                    ("admin", "administrator"),
                    ("helpdesk", "helpdesk"),
                    ("auditor", "auditor"),
                    ("mailbox_user", "mailbox user"),
                ],
                db_default="owner",
                default="owner",
                max_length=16,
                verbose_name="role",
            ),
        ),
        migrations.AddConstraint(
            "apikey", models.CheckConstraint(condition=models.Q(("role__in", ROLES)), name="api_key_role_known")
        ),
        migrations.RunSQL(
            DROP + LOOK_UP.format(type=", role varchar", column=", k.role"), DROP + LOOK_UP.format(type="", column="")
        ),
        migrations.RunSQL(NARROW, WIDEN),
    ]
