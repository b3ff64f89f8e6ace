from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import guard

# Whom it is for and what it gives, nobody changes afterwards; housekeeping alone removes rows.
NARROW = """
REVOKE UPDATE, DELETE ON tenants_invitation FROM postroom_web;
GRANT UPDATE (mail_digest, link_digest, sent_at, expires_at, accepted_at, revoked_at) ON tenants_invitation
  TO postroom_web;
REVOKE INSERT, UPDATE ON tenants_invitation FROM postroom_flow;
GRANT UPDATE (last_tenant_id) ON tenants_user TO postroom_web;
"""
WIDEN = """
GRANT UPDATE, DELETE ON tenants_invitation TO postroom_web;
GRANT INSERT, UPDATE ON tenants_invitation TO postroom_flow;
REVOKE UPDATE (last_tenant_id) ON tenants_user FROM postroom_web;
"""

# Who follows the link belongs to no tenant yet, so it is looked up past the policies, by a secret of 256 bits, and
# answers about that one invitation only.
LOOK_UP = """
CREATE FUNCTION invitation_of(token_digest bytea)
RETURNS TABLE (tenant_id uuid, tenant_name varchar, is_tenant_active boolean, email varchar, role varchar,
               state text, is_mailed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT i.tenant_id, t.name, t.status = 'active', i.email, i.role,
         CASE WHEN i.accepted_at IS NOT NULL THEN 'accepted'
              WHEN i.revoked_at IS NOT NULL THEN 'revoked'
              WHEN i.expires_at <= now() THEN 'expired' ELSE 'open' END,
         i.mail_digest = token_digest
  FROM tenants_invitation i JOIN tenants_tenant t ON t.id = i.tenant_id
  WHERE i.mail_digest = token_digest OR i.link_digest = token_digest
$$;
REVOKE ALL ON FUNCTION invitation_of(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invitation_of(bytea) TO postroom_web;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0010_send_as"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="last_tenant_id",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("email", models.EmailField(max_length=320, verbose_name="e-mail address")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "owner"),
                            ("admin", "administrator"),
                            ("helpdesk", "helpdesk"),
                            ("auditor", "auditor"),
                            ("mailbox_user", "mailbox user"),
                        ],
                        max_length=16,
                        verbose_name="role",
                    ),
                ),
                ("mail_digest", models.BinaryField(max_length=32, unique=True)),
                ("link_digest", models.BinaryField(max_length=32, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="invited")),
                (
                    "sent_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="sent"),
                ),
                ("expires_at", models.DateTimeField(editable=False, verbose_name="expires")),
                ("accepted_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="accepted")),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="revoked")),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="invited by",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "invitation",
                "verbose_name_plural": "invitations",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["tenant", "-id"], name="invitation_list")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("accepted_at__isnull", True), ("revoked_at__isnull", True)),
                        fields=("tenant", "email"),
                        name="one_open_invitation_per_address",
                    )
                ],
            },
        ),
        guard("tenants_invitation"),
        migrations.RunSQL(NARROW, WIDEN),
        migrations.RunSQL(LOOK_UP, "DROP FUNCTION invitation_of(bytea)"),
    ]
