from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import tenants.identifiers

# The operators' own. A tenant's session reads the plan that counts for it, and writes none.
PLANS = """
ALTER TABLE tenants_plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants_plan FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants_plan FOR SELECT TO postroom_web USING (
  is_default OR id = (SELECT t.plan_id FROM tenants_tenant t WHERE t.id = app_tenant())
);
CREATE POLICY flow ON tenants_plan TO postroom_flow USING (true);
CREATE POLICY operator ON tenants_plan TO postroom_operator USING (true);
REVOKE INSERT, UPDATE, DELETE ON tenants_plan FROM postroom_web, postroom_flow;
"""
UNPLANNED = """
DROP POLICY tenant ON tenants_plan;
DROP POLICY flow ON tenants_plan;
DROP POLICY operator ON tenants_plan;
ALTER TABLE tenants_plan NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tenants_plan DISABLE ROW LEVEL SECURITY;
"""

# What every tenant was given at its making was no decision of anybody's: the plan's figure, which is the same, counts.
INHERIT = """
UPDATE tenants_tenant SET
  max_domains = nullif(max_domains, 100),
  max_mailboxes = nullif(max_mailboxes, 10000),
  max_message_size = nullif(max_message_size, 37748736),
  max_recipients_per_message = nullif(max_recipients_per_message, 500);
"""
OWN = """
UPDATE tenants_tenant SET
  max_domains = coalesce(max_domains, 100),
  max_mailboxes = coalesce(max_mailboxes, 10000),
  max_message_size = coalesce(max_message_size, 37748736),
  max_recipients_per_message = coalesce(max_recipients_per_message, 500);
"""


def make_standard_plan(apps: Any, schema_editor: Any) -> None:
    description = "What every tenant has that was given nothing else."
    apps.get_model("tenants", "Plan").objects.create(name="Standard", description=description, is_default=True)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0012_suspensions_and_deletions"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="incoming_messages_per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages received per day"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="incoming_messages_per_hour",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages received per hour"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="mailbox_messages_per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages per day, each mailbox"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="mailbox_messages_per_hour",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages per hour, each mailbox"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="mailbox_recipients_per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="recipients per day, each mailbox"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="mailbox_recipients_per_hour",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="recipients per hour, each mailbox"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="max_queued",
            field=models.PositiveIntegerField(
                blank=True, null=True, verbose_name="recipients waiting to leave at most"
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="max_storage",
            field=models.PositiveBigIntegerField(
                blank=True, null=True, verbose_name="storage in mailboxes at most, bytes"
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="messages_per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages sent per day"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="messages_per_hour",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages sent per hour"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="recipients_per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="recipients written to per day"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="recipients_per_hour",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="recipients written to per hour"),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="max_domains",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="accepted domains at most"),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="max_mailboxes",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="mailboxes at most"),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="max_message_size",
            field=models.PositiveBigIntegerField(blank=True, null=True, verbose_name="message size at most, bytes"),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="max_recipients_per_message",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="recipients per message at most"),
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=64, unique=True, verbose_name="name")),
                ("description", models.TextField(blank=True, default="", max_length=1000, verbose_name="description")),
                (
                    "is_default",
                    models.BooleanField(
                        default=False,
                        help_text="For tenants that have been given no other plan.",
                        verbose_name="default",
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("max_domains", models.PositiveBigIntegerField(default=100, verbose_name="accepted domains")),
                ("max_mailboxes", models.PositiveBigIntegerField(default=10000, verbose_name="mailboxes")),
                (
                    "max_storage",
                    models.PositiveBigIntegerField(default=1099511627776, verbose_name="storage in mailboxes, bytes"),
                ),
                (
                    "max_queued",
                    models.PositiveBigIntegerField(default=200000, verbose_name="recipients waiting to leave"),
                ),
                (
                    "max_message_size",
                    models.PositiveBigIntegerField(default=37748736, verbose_name="message size, bytes"),
                ),
                (
                    "max_recipients_per_message",
                    models.PositiveBigIntegerField(default=500, verbose_name="recipients per message"),
                ),
                (
                    "messages_per_hour",
                    models.PositiveBigIntegerField(default=50000, verbose_name="messages sent per hour"),
                ),
                (
                    "messages_per_day",
                    models.PositiveBigIntegerField(default=400000, verbose_name="messages sent per day"),
                ),
                (
                    "recipients_per_hour",
                    models.PositiveBigIntegerField(default=100000, verbose_name="recipients written to per hour"),
                ),
                (
                    "recipients_per_day",
                    models.PositiveBigIntegerField(default=800000, verbose_name="recipients written to per day"),
                ),
                (
                    "mailbox_messages_per_hour",
                    models.PositiveBigIntegerField(default=2000, verbose_name="messages per hour, each mailbox"),
                ),
                (
                    "mailbox_messages_per_day",
                    models.PositiveBigIntegerField(default=10000, verbose_name="messages per day, each mailbox"),
                ),
                (
                    "mailbox_recipients_per_hour",
                    models.PositiveBigIntegerField(default=5000, verbose_name="recipients per hour, each mailbox"),
                ),
                (
                    "mailbox_recipients_per_day",
                    models.PositiveBigIntegerField(default=25000, verbose_name="recipients per day, each mailbox"),
                ),
                (
                    "incoming_messages_per_hour",
                    models.PositiveBigIntegerField(default=200000, verbose_name="messages received per hour"),
                ),
                (
                    "incoming_messages_per_day",
                    models.PositiveBigIntegerField(default=2000000, verbose_name="messages received per day"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "plan",
                "verbose_name_plural": "plans",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)), fields=("is_default",), name="one_default_plan"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="tenant",
            name="plan",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the default plan.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tenants",
                to="tenants.plan",
                verbose_name="plan",
            ),
        ),
        migrations.RunPython(make_standard_plan, migrations.RunPython.noop),
        migrations.RunSQL(PLANS, UNPLANNED),
        migrations.RunSQL(INHERIT, OWN),
    ]
