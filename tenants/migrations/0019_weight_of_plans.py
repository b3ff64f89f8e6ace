from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0018_hide_the_admins_log")]

    operations = [
        migrations.AddField(
            model_name="plan",
            name="weight",
            field=models.PositiveSmallIntegerField(
                db_default=1,
                default=1,
                help_text=(
                    "While tenants wait for the workers, one with 3 has three next hops served for each one of 1."
                ),
                verbose_name="share of the workers",
            ),
        ),
    ]
