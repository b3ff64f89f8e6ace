from __future__ import annotations

from django.db import migrations

from tenants.rls import within


class Migration(migrations.Migration):
    dependencies = [("transport", "0004_intake_records"), ("tenants", "0005_narrow_grants")]
    operations = [
        within("transport_addressspace", connector_id="transport_sendconnector"),
        within("transport_smarthost", connector_id="transport_sendconnector"),
        within("transport_mailboxmessage", mailbox_id="tenants_mailbox", body_id="transport_mailboxbody"),
        migrations.RunSQL(
            "REVOKE INSERT, UPDATE, DELETE ON transport_heartbeat FROM postroom_web",
            "GRANT INSERT, UPDATE, DELETE ON transport_heartbeat TO postroom_web",
        ),
    ]
