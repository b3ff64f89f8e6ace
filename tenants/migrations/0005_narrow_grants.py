from __future__ import annotations

from django.db import migrations

from tenants.rls import within

# What a session of a tenant never writes, it may not: its own limits and status, who is an operator, the record of
# migrations. This stops a mistake of ours; whoever runs SQL of his own as `web` can step up to `operator`, as an
# operator's request does.
NARROW = """
REVOKE UPDATE ON tenants_tenant FROM postroom_web;
GRANT UPDATE (name, language, time_zone, retry_schedule, message_expiration_timeout, delay_notification_timeout,
              config_version) ON tenants_tenant TO postroom_web;

REVOKE UPDATE, DELETE ON tenants_user FROM postroom_web;
GRANT UPDATE (password, last_login, name, language) ON tenants_user TO postroom_web;
ALTER TABLE tenants_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY people ON tenants_user TO postroom_web USING (true) WITH CHECK (true);
CREATE POLICY no_operators ON tenants_user AS RESTRICTIVE FOR INSERT TO postroom_web WITH CHECK (NOT is_operator);
CREATE POLICY flow ON tenants_user TO postroom_flow USING (true);
CREATE POLICY operator ON tenants_user TO postroom_operator USING (true);

REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM postroom_web, postroom_flow, postroom_operator;
REVOKE ALL ON FUNCTION mailbox_has_reply_address() FROM PUBLIC;
"""

WIDEN = """
GRANT UPDATE ON tenants_tenant TO postroom_web;
GRANT UPDATE, DELETE ON tenants_user TO postroom_web;
DROP POLICY people ON tenants_user;
DROP POLICY no_operators ON tenants_user;
DROP POLICY flow ON tenants_user;
DROP POLICY operator ON tenants_user;
ALTER TABLE tenants_user DISABLE ROW LEVEL SECURITY;
GRANT INSERT, UPDATE, DELETE ON django_migrations TO postroom_web, postroom_flow, postroom_operator;
GRANT EXECUTE ON FUNCTION mailbox_has_reply_address() TO PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_address_log_in")]
    operations = [
        migrations.RunSQL(NARROW, WIDEN),
        within("tenants_emailaddress", accepted_domain_id="tenants_accepteddomain", mailbox_id="tenants_mailbox"),
        within("tenants_idempotentrequest", api_key_id="tenants_apikey"),
    ]
