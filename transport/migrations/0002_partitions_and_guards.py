from __future__ import annotations

from django.db import migrations

from tenants.rls import append_only, guard, hide_from_web

# Bodies and tracking events are partitioned by day on their UUIDv7 keys (design §12.15): dropping a day
# costs nothing where DELETE and VACUUM cost WAL. transport/queue/partitions.py makes the days; the default
# partition only catches what no day covers, so that a forgotten day loses nothing.
BODIES = """
CREATE TABLE transport_messagebody (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  content bytea NOT NULL
) PARTITION BY RANGE (id);
ALTER TABLE transport_messagebody ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE TABLE transport_messagebody_rest PARTITION OF transport_messagebody DEFAULT;
REVOKE ALL ON transport_messagebody_rest FROM postroom_web, postroom_flow, postroom_operator;
ALTER TABLE transport_mailboxbody ALTER COLUMN content SET STORAGE EXTERNAL;
"""

TRACKING = """
CREATE TABLE transport_trackingevent (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  at timestamptz NOT NULL,
  event_id text NOT NULL,
  source text NOT NULL,
  message_id uuid NOT NULL,
  internet_message_id text NOT NULL DEFAULT '',
  sender text NOT NULL DEFAULT '',
  recipients text[] NOT NULL DEFAULT '{}',
  subject text NOT NULL DEFAULT '',
  size bigint NOT NULL DEFAULT 0,
  incoming boolean NOT NULL DEFAULT false,
  client_address inet,
  server_endpoint text NOT NULL DEFAULT '',
  connector text NOT NULL DEFAULT '',
  code smallint,
  enhanced text NOT NULL DEFAULT '',
  reply text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  reference text NOT NULL DEFAULT '',
  detail jsonb
) PARTITION BY RANGE (id);
CREATE INDEX tracking_list ON transport_trackingevent (tenant_id, id DESC);
CREATE INDEX tracking_of_message ON transport_trackingevent (message_id, id);
CREATE TABLE transport_trackingevent_rest PARTITION OF transport_trackingevent DEFAULT;
REVOKE ALL ON transport_trackingevent_rest FROM postroom_web, postroom_flow, postroom_operator;
"""

# A tenant sees the refusals of a domain that it may care about: one that it has claimed, one related to a
# verified domain of its own, or any where it is the platform's only active tenant (design §12.12).
REFUSALS = """
CREATE FUNCTION relay_refusals()
RETURNS TABLE (domain varchar, refused bigint, last_at timestamptz, sender text, recipient text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.domain, sum(r.count)::bigint, max(r.at),
         (array_agg(r.sender ORDER BY r.at DESC))[1], (array_agg(r.recipient ORDER BY r.at DESC))[1]
  FROM transport_relayrefusal r
  WHERE r.at > now() - interval '7 days'
    AND NOT EXISTS (SELECT 1 FROM tenants_accepteddomain o WHERE o.domain = r.domain AND o.verified_at IS NOT NULL)
    AND (
      EXISTS (SELECT 1 FROM tenants_accepteddomain c WHERE c.tenant_id = app_tenant() AND c.domain = r.domain)
      OR EXISTS (
        SELECT 1 FROM tenants_accepteddomain v
        WHERE v.tenant_id = app_tenant() AND v.verified_at IS NOT NULL
          AND (r.domain LIKE '%.' || v.domain OR v.domain LIKE '%.' || r.domain)
      )
      OR (SELECT count(*) FROM (SELECT 1 FROM tenants_tenant WHERE status = 'active' LIMIT 2) AS up_to_two) = 1
    )
  GROUP BY r.domain
  ORDER BY 2 DESC
  LIMIT 20
$$;
REVOKE ALL ON FUNCTION relay_refusals() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION relay_refusals() TO postroom_web, postroom_flow, postroom_operator;
"""

# The queue's rows are written by the thousand and soon gone.
STORAGE = """
ALTER TABLE transport_delivery
  SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
ALTER TABLE transport_queue SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0001_transport")]
    operations = [
        migrations.RunSQL(BODIES, "DROP TABLE transport_messagebody"),
        migrations.RunSQL(TRACKING, "DROP TABLE transport_trackingevent"),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        guard("transport_message"),
        guard("transport_messagebody"),
        guard("transport_queue"),
        guard("transport_delivery"),
        guard("transport_trackingevent"),
        append_only("transport_trackingevent"),
        guard("transport_sendconnector"),
        guard("transport_addressspace"),
        guard("transport_smarthost"),
        guard("transport_receiveconnector"),
        guard("transport_mailboxbody"),
        guard("transport_mailboxmessage"),
        hide_from_web("transport_relayrefusal"),
        migrations.RunSQL(REFUSALS, "DROP FUNCTION relay_refusals()"),
    ]
