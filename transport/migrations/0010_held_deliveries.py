from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0012_suspensions_and_deletions"),
        ("transport", "0009_pressure"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="held_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="held_by",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="held_state",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("held_by__isnull", False)), fields=["held_by", "id"], name="delivery_holds"
            ),
        ),
    ]
