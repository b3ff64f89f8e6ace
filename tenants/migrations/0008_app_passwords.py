from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import guard, within

# A tenant's session makes app passwords and revokes them; when one was used, the daemon alone writes.
NARROW = """
REVOKE UPDATE ON tenants_apppassword FROM postroom_web;
GRANT UPDATE (revoked_at) ON tenants_apppassword TO postroom_web;
"""
WIDEN = "GRANT UPDATE ON tenants_apppassword TO postroom_web"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0007_platform_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="AppPassword",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("prefix", models.CharField(editable=False, max_length=8, verbose_name="begins with")),
                ("verifier", models.CharField(editable=False, max_length=256)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="made")),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last used")),
                (
                    "last_used_address",
                    models.GenericIPAddressField(blank=True, editable=False, null=True, verbose_name="last used from"),
                ),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="revoked")),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "mailbox",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="app_passwords",
                        to="tenants.mailbox",
                        verbose_name="mailbox",
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
                "verbose_name": "app password",
                "verbose_name_plural": "app passwords",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["mailbox", "-id"], name="app_password_list")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at__isnull", True)),
                        fields=("mailbox", "prefix"),
                        name="app_password_log_in",
                    )
                ],
            },
        ),
        guard("tenants_apppassword"),
        within("tenants_apppassword", mailbox_id="tenants_mailbox"),
        migrations.RunSQL(NARROW, WIDEN),
    ]
