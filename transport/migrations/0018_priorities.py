from __future__ import annotations

from django.db import migrations, models

# As intake_delivery of 0004 with the priority. That type stays: a daemon of before goes on sending it until it is
# started again, and a type's number of fields is part of what it sends.
MAKE = """
CREATE TYPE intake_ranked_delivery AS (
  id uuid, tenant_id uuid, message_id uuid, queue_id uuid, config_version bigint, created_at timestamptz,
  expires_at timestamptz, priority smallint, delay_notice_at timestamptz, mailbox_id uuid, recipient text,
  original_recipient text, notify text, state text, reason text
);
"""
IS_WAITING = models.Q(("state__in", ["ready", "retry"]))


class Migration(migrations.Migration):
    dependencies = [("tenants", "0019_weight_of_plans"), ("transport", "0017_redirected_deliveries")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="priority",
            field=models.SmallIntegerField(
                choices=[(0, "normal"), (1, "low")], db_default=0, default=0, verbose_name="priority"
            ),
        ),
        migrations.AddField(
            model_name="queuefigures",
            name="low",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=IS_WAITING,
                fields=["queue", "priority", "next_attempt_at", "id"],
                name="delivery_due_by_priority",
            ),
        ),
        migrations.RemoveIndex(model_name="delivery", name="delivery_due"),
        migrations.RunSQL(MAKE, "DROP TYPE intake_ranked_delivery"),
    ]
