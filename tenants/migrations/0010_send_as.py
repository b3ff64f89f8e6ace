from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import guard, within


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0009_audit_search_and_versions"),
    ]

    operations = [
        migrations.CreateModel(
            name="SendAsGrant",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "grantee",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="may_send_as",
                        to="tenants.mailbox",
                        verbose_name="may send as it",
                    ),
                ),
                (
                    "mailbox",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="send_as_grants",
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
                "verbose_name": "send as grant",
                "verbose_name_plural": "send as grants",
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(fields=("mailbox", "grantee"), name="send_as_once"),
                    models.CheckConstraint(
                        condition=models.Q(("mailbox", models.F("grantee")), _negated=True), name="send_as_another"
                    ),
                ],
            },
        ),
        guard("tenants_sendasgrant"),
        within("tenants_sendasgrant", mailbox_id="tenants_mailbox", grantee_id="tenants_mailbox"),
        migrations.RunSQL(
            "REVOKE UPDATE ON tenants_sendasgrant FROM postroom_web",
            "GRANT UPDATE ON tenants_sendasgrant TO postroom_web",
        ),
    ]
