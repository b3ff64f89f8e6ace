from __future__ import annotations

from django.db import migrations, models

import tenants.identifiers
from tenants.rls import hide_from_web


class Migration(migrations.Migration):
    dependencies = [
        ("transport", "0008_tracking_search"),
    ]

    operations = [
        migrations.CreateModel(
            name="PressureChange",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("process", models.CharField(max_length=128, verbose_name="process")),
                ("at", models.DateTimeField(verbose_name="time")),
                ("resource", models.CharField(max_length=32, verbose_name="resource")),
                (
                    "before",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "normal"), (1, "medium"), (2, "high")], verbose_name="before"
                    ),
                ),
                (
                    "level",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "normal"), (1, "medium"), (2, "high")], verbose_name="level"
                    ),
                ),
                ("reading", models.FloatField(verbose_name="reading")),
            ],
            options={
                "verbose_name": "change of back pressure",
                "verbose_name_plural": "changes of back pressure",
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="detail",
            field=models.JSONField(db_default={}, default=dict),
        ),
        hide_from_web("transport_pressurechange"),
        migrations.RunSQL(
            "REVOKE UPDATE ON transport_pressurechange FROM postroom_flow, postroom_operator",
            "GRANT UPDATE ON transport_pressurechange TO postroom_flow, postroom_operator",
        ),
    ]
