from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_idempotent_requests")]
    operations = [
        migrations.AddIndex(
            model_name="emailaddress", index=models.Index(fields=["domain", "local_key"], name="address_log_in")
        )
    ]
