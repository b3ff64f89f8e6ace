from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_log_ins_of_mailboxes"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="is_platform",
            field=models.BooleanField(default=False, editable=False, verbose_name="the platform's own"),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_platform", True)), fields=("is_platform",), name="one_tenant_of_the_platform"
            ),
        ),
    ]
