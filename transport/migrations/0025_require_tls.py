from __future__ import annotations

from django.db import migrations, models

# As intake_message of 0004 with REQUIRETLS. That type stays: a daemon of before goes on sending it until it is started
# again, and a type's number of fields is part of what it sends.
MAKE = """
CREATE TYPE intake_secured_message AS (
  id uuid, tenant_id uuid, size bigint, incoming boolean, is_8bit boolean, smtputf8 boolean, auto_submitted boolean,
  require_tls boolean, received_at timestamptz, expires_at timestamptz, mailbox_id uuid, sender text,
  internet_message_id text, from_header text, subject text, origin text, client_address text, client_name text,
  receive_connector text, envid text, ret text, trace text
);
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0024_worker_load")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="require_tls",
            field=models.BooleanField(db_default=False, default=False, verbose_name="requires TLS"),
        ),
        migrations.RunSQL(MAKE, "DROP TYPE intake_secured_message"),
    ]
