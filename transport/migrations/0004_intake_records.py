from __future__ import annotations

from django.db import migrations

# The rows of transport/queue/records.py as PostgreSQL reads them: taking a message in sends arrays of these. Of each
# type the fields of fixed length come first. Tables may get columns without these types changing.
MAKE = """
CREATE TYPE intake_message AS (
  id uuid, tenant_id uuid, size bigint, incoming boolean, is_8bit boolean, smtputf8 boolean, auto_submitted boolean,
  received_at timestamptz, expires_at timestamptz, mailbox_id uuid, sender text, internet_message_id text,
  from_header text, subject text, origin text, client_address text, client_name text, receive_connector text,
  envid text, ret text, trace text
);
CREATE TYPE intake_queue AS (
  id uuid, tenant_id uuid, connector_id uuid, delivery_type text, next_hop_domain text, reason text
);
CREATE TYPE intake_delivery AS (
  id uuid, tenant_id uuid, message_id uuid, queue_id uuid, config_version bigint, created_at timestamptz,
  expires_at timestamptz, delay_notice_at timestamptz, mailbox_id uuid, recipient text, original_recipient text,
  notify text, state text, reason text
);
CREATE TYPE intake_event AS (
  id uuid, tenant_id uuid, message_id uuid, at timestamptz, size bigint, incoming boolean, event_id text, source text,
  internet_message_id text, sender text, recipients text, subject text, client_address text, connector text,
  reason text, reference text, detail text
);
"""

DROP = """
DROP TYPE intake_event;
DROP TYPE intake_delivery;
DROP TYPE intake_queue;
DROP TYPE intake_message;
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0003_queue_upkeep")]
    operations = [migrations.RunSQL(MAKE, DROP)]
