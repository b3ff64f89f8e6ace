from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

from tenants.rls import hide_from_web

# The mail flow writes what it fetched; operators read.
READABLE = "REVOKE INSERT, UPDATE, DELETE ON transport_mtastspolicy FROM postroom_operator"
WRITABLE = "GRANT INSERT, UPDATE, DELETE ON transport_mtastspolicy TO postroom_operator"


class Migration(migrations.Migration):
    dependencies = [
        ("transport", "0025_require_tls"),
    ]

    operations = [
        migrations.CreateModel(
            name="MtaStsPolicy",
            fields=[
                ("domain", models.CharField(max_length=255, primary_key=True, serialize=False, verbose_name="domain")),
                (
                    "record_id",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="id of the record"),
                ),
                ("mode", models.CharField(max_length=8, verbose_name="mode")),
                (
                    "mx",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None, verbose_name="mail hosts"
                    ),
                ),
                ("max_age", models.PositiveIntegerField(verbose_name="holds for, seconds")),
                ("fetched_at", models.DateTimeField(verbose_name="fetched")),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
            ],
            options={
                "verbose_name": "MTA-STS policy",
                "verbose_name_plural": "MTA-STS policies",
                "indexes": [models.Index(fields=["expires_at"], name="sts_policy_expiry")],
            },
        ),
        hide_from_web("transport_mtastspolicy"),
        migrations.RunSQL(READABLE, WRITABLE),
    ]
