from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transport", "0016_suppressed_addresses")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="redirected_to",
            field=models.UUIDField(null=True),
        ),
    ]
