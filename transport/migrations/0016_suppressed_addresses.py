from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import guard

# The mail flow writes what it learns; people read and release.
READABLE = "REVOKE INSERT, UPDATE ON transport_suppressedaddress FROM postroom_web"
WRITABLE = "GRANT INSERT, UPDATE ON transport_suppressedaddress TO postroom_web"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0018_hide_the_admins_log"),
        ("transport", "0015_hashed_search"),
    ]

    operations = [
        migrations.CreateModel(
            name="SuppressedAddress",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("address", models.CharField(max_length=320, verbose_name="address")),
                ("key", models.CharField(db_collation="C", max_length=320)),
                ("reason", models.CharField(max_length=64, verbose_name="reason")),
                ("status", models.CharField(max_length=16, verbose_name="status")),
                ("reply", models.TextField(blank=True, default="", verbose_name="reply")),
                ("reporting_mta", models.CharField(blank=True, default="", max_length=255, verbose_name="reported by")),
                ("message_id", models.UUIDField(verbose_name="message")),
                ("count", models.PositiveIntegerField(default=1, verbose_name="times")),
                ("first_seen_at", models.DateTimeField(verbose_name="since")),
                ("last_seen_at", models.DateTimeField(verbose_name="last")),
                ("expires_at", models.DateTimeField(verbose_name="until")),
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
                "verbose_name": "suppressed address",
                "verbose_name_plural": "suppressed addresses",
                "ordering": ["-last_seen_at", "-id"],
                "indexes": [
                    models.Index(fields=["tenant", "-last_seen_at", "-id"], name="suppressed_list"),
                    models.Index(fields=["expires_at"], name="suppressed_expiry"),
                ],
                "constraints": [models.UniqueConstraint(fields=("tenant", "key"), name="suppressed_once")],
            },
        ),
        guard("transport_suppressedaddress"),
        migrations.RunSQL(READABLE, WRITABLE),
    ]
