from __future__ import annotations

from django.db import migrations, models

# Who is suspended is the operators' to say. A column that the tenant's session may write later is granted with it.
NARROW = """
REVOKE UPDATE ON tenants_accepteddomain FROM postroom_web;
GRANT UPDATE (name, type, match_subdomains, is_default, verified_at, dns_findings, dns_checked_at)
  ON tenants_accepteddomain TO postroom_web;
UPDATE tenants_tenant SET suspended_at = now(), suspension_mode = 'temporary' WHERE status = 'suspended';
"""
WIDEN = "GRANT UPDATE ON tenants_accepteddomain TO postroom_web"

# Before a tenant is known, as `memberships_of` and `use_api_key` are (0002): each answers about one user, or one key.
LOOK_UPS = """
CREATE OR REPLACE FUNCTION memberships_of(who uuid)
RETURNS TABLE (tenant_id uuid, slug varchar, name varchar, role varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.id, t.slug, t.name, m.role
  FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
  WHERE m.user_id = who AND t.status = 'active' AND m.suspended_at IS NULL
  ORDER BY t.name, t.id
$$;

CREATE FUNCTION suspensions_of(who uuid)
RETURNS TABLE (tenant_id uuid, name varchar, role varchar, of_whole boolean, at timestamptz, by varchar, reason varchar,
  deletion_started_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.id, t.name, m.role, t.status <> 'active',
    CASE WHEN t.status <> 'active' THEN t.suspended_at ELSE m.suspended_at END,
    CASE WHEN t.status <> 'active' THEN t.suspended_by ELSE m.suspended_by END,
    CASE WHEN t.status <> 'active' THEN t.suspension_reason ELSE m.suspension_reason END,
    t.deletion_started_at
  FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
  WHERE m.user_id = who AND (t.status <> 'active' OR m.suspended_at IS NOT NULL)
  ORDER BY t.name, t.id
$$;

CREATE FUNCTION suspension_of_key(key_digest bytea) RETURNS TABLE (name varchar, at timestamptz, reason varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.name, t.suspended_at, t.suspension_reason
  FROM tenants_apikey k JOIN tenants_tenant t ON t.id = k.tenant_id
  WHERE k.digest = key_digest AND k.revoked_at IS NULL AND t.status <> 'active'
$$;

REVOKE ALL ON FUNCTION suspensions_of(uuid), suspension_of_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION suspensions_of(uuid), suspension_of_key(bytea)
  TO postroom_web, postroom_flow, postroom_operator;
"""
DROP_LOOK_UPS = """
DROP FUNCTION suspension_of_key(bytea);
DROP FUNCTION suspensions_of(uuid);
CREATE OR REPLACE FUNCTION memberships_of(who uuid)
RETURNS TABLE (tenant_id uuid, slug varchar, name varchar, role varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.id, t.slug, t.name, m.role
  FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
  WHERE m.user_id = who AND t.status = 'active'
  ORDER BY t.name, t.id
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0011_invitations"),
    ]

    operations = [
        migrations.AddField(
            model_name="accepteddomain",
            name="suspended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="suspended"),
        ),
        migrations.AddField(
            model_name="accepteddomain",
            name="suspended_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=320, verbose_name="suspended by"),
        ),
        migrations.AddField(
            model_name="accepteddomain",
            name="suspension_mode",
            field=models.CharField(
                blank=True,
                choices=[
                    ("temporary", "put mail off: senders keep it and try again for some days"),
                    ("permanent", "refuse mail: senders are told at once"),
                ],
                db_default="",
                default="",
                max_length=16,
                verbose_name="incoming mail meanwhile",
            ),
        ),
        migrations.AddField(
            model_name="accepteddomain",
            name="suspension_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=500, verbose_name="reason of the suspension"
            ),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="suspended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="suspended"),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="suspended_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=320, verbose_name="suspended by"),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="suspension_mode",
            field=models.CharField(
                blank=True,
                choices=[
                    ("temporary", "put mail off: senders keep it and try again for some days"),
                    ("permanent", "refuse mail: senders are told at once"),
                ],
                db_default="",
                default="",
                max_length=16,
                verbose_name="incoming mail meanwhile",
            ),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="suspension_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=500, verbose_name="reason of the suspension"
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="suspended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="suspended"),
        ),
        migrations.AddField(
            model_name="membership",
            name="suspended_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=320, verbose_name="suspended by"),
        ),
        migrations.AddField(
            model_name="membership",
            name="suspension_mode",
            field=models.CharField(
                blank=True,
                choices=[
                    ("temporary", "put mail off: senders keep it and try again for some days"),
                    ("permanent", "refuse mail: senders are told at once"),
                ],
                db_default="",
                default="",
                max_length=16,
                verbose_name="incoming mail meanwhile",
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="suspension_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=500, verbose_name="reason of the suspension"
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="deletion_asked_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="deletion_asked_by",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=320),
        ),
        migrations.AddField(
            model_name="tenant",
            name="deletion_due_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="to be deleted"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="deletion_started_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="expiry_paused_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="suspended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="suspended"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="suspended_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=320, verbose_name="suspended by"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="suspension_mode",
            field=models.CharField(
                blank=True,
                choices=[
                    ("temporary", "put mail off: senders keep it and try again for some days"),
                    ("permanent", "refuse mail: senders are told at once"),
                ],
                db_default="",
                default="",
                max_length=16,
                verbose_name="incoming mail meanwhile",
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="suspension_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=500, verbose_name="reason of the suspension"
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="suspended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="suspended"),
        ),
        migrations.AddField(
            model_name="user",
            name="suspended_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=320, verbose_name="suspended by"),
        ),
        migrations.AddField(
            model_name="user",
            name="suspension_mode",
            field=models.CharField(
                blank=True,
                choices=[
                    ("temporary", "put mail off: senders keep it and try again for some days"),
                    ("permanent", "refuse mail: senders are told at once"),
                ],
                db_default="",
                default="",
                max_length=16,
                verbose_name="incoming mail meanwhile",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="suspension_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=500, verbose_name="reason of the suspension"
            ),
        ),
        migrations.AddIndex(
            model_name="accepteddomain",
            index=models.Index(
                condition=models.Q(("suspended_at__isnull", False)), fields=["tenant"], name="suspended_domains"
            ),
        ),
        migrations.RunSQL(NARROW, WIDEN),
        migrations.RunSQL(LOOK_UPS, DROP_LOOK_UPS),
    ]
