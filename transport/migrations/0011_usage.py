from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import guard

COUNTED = ("transport_usagedelta", "transport_usage", "transport_tenantload", "transport_limitnotice")

# A tenant reads its numbers; who counts is the mail flow. Sending from inside counts under `mail_flow`.
READ_ONLY = "; ".join(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM postroom_web" for table in COUNTED)
WRITABLE = "; ".join(f"GRANT INSERT, UPDATE, DELETE ON {table} TO postroom_web" for table in COUNTED)

# Appended to and emptied all the time, and small.
STORAGE = """
ALTER TABLE transport_usagedelta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE transport_usage SET (fillfactor = 80);
ALTER TABLE transport_tenantload SET (fillfactor = 80);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0013_plans_and_limits"),
        ("transport", "0010_held_deliveries"),
    ]

    operations = [
        migrations.CreateModel(
            name="TenantLoad",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="load",
                        serialize=False,
                        to="tenants.tenant",
                        verbose_name="tenant",
                    ),
                ),
                ("queued", models.BigIntegerField(default=0, verbose_name="waiting to leave")),
                ("storage", models.BigIntegerField(default=0, verbose_name="storage, bytes")),
                ("mailboxes", models.BigIntegerField(default=0, verbose_name="mailboxes")),
                ("domains", models.BigIntegerField(default=0, verbose_name="accepted domains")),
                ("nearest", models.CharField(blank=True, default="", max_length=64, verbose_name="nearest limit")),
                ("share", models.IntegerField(default=0, verbose_name="used, %")),
            ],
            options={
                "verbose_name": "usage against limits",
                "verbose_name_plural": "usage against limits",
                "ordering": ["-share", "tenant_id"],
                "indexes": [models.Index(fields=["-share", "tenant"], name="load_by_share")],
            },
        ),
        migrations.CreateModel(
            name="LimitNotice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("limit_name", models.CharField(max_length=64, verbose_name="limit")),
                (
                    "level",
                    models.CharField(
                        choices=[("near", "nearly reached"), ("reached", "reached")], max_length=8, verbose_name="level"
                    ),
                ),
                ("used", models.BigIntegerField(verbose_name="used")),
                ("allowed", models.BigIntegerField(verbose_name="allowed")),
                ("began_at", models.DateTimeField(verbose_name="since")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="until")),
                (
                    "letter",
                    models.CharField(
                        choices=[("due", "due"), ("sent", "sent"), ("spared", "not sent again so soon")],
                        db_default="due",
                        default="due",
                        max_length=8,
                        verbose_name="letter",
                    ),
                ),
                ("told_at", models.DateTimeField(null=True, verbose_name="told")),
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
                "verbose_name": "notice of a limit",
                "verbose_name_plural": "notices of limits",
                "ordering": ["-began_at", "-id"],
                "indexes": [
                    models.Index(fields=["tenant", "-began_at", "-id"], name="limit_notice_list"),
                    models.Index(condition=models.Q(("letter", "due")), fields=["began_at"], name="limit_notice_due"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("tenant", "limit_name"),
                        name="one_notice_per_limit",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Usage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subject_id", models.UUIDField()),
                ("direction", models.CharField(choices=[("sent", "sent"), ("received", "received")], max_length=8)),
                ("messages", models.BigIntegerField(verbose_name="messages")),
                ("recipients", models.BigIntegerField(verbose_name="recipients")),
                ("size", models.BigIntegerField(verbose_name="size, bytes")),
                ("refused", models.BigIntegerField(verbose_name="put off")),
                ("period", models.CharField(choices=[("hour", "hour"), ("day", "day")], max_length=4)),
                ("start", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "usage",
                "verbose_name_plural": "usage",
                "indexes": [models.Index(fields=["start"], name="usage_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "direction", "period", "start", "subject_id"), name="usage_once_per_period"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageDelta",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subject_id", models.UUIDField()),
                ("direction", models.CharField(choices=[("sent", "sent"), ("received", "received")], max_length=8)),
                ("messages", models.BigIntegerField(verbose_name="messages")),
                ("recipients", models.BigIntegerField(verbose_name="recipients")),
                ("size", models.BigIntegerField(verbose_name="size, bytes")),
                ("refused", models.BigIntegerField(verbose_name="put off")),
                ("hour", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "usage delta",
                "verbose_name_plural": "usage deltas",
                "indexes": [models.Index(fields=["subject_id", "direction", "hour"], name="usage_delta_of_subject")],
            },
        ),
        *(guard(table) for table in COUNTED),
        migrations.RunSQL(READ_ONLY, WRITABLE),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
