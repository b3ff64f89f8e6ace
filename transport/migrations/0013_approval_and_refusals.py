from __future__ import annotations

from django.db import migrations

# An operator's approval of a tenant's ranges is the operators' to give (design §12.14): a tenant's session cannot
# approve, nor change the ranges and keep the approval, whatever a mistake of ours would let it write.
APPROVAL = """
CREATE FUNCTION approval_is_the_operators() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'postroom_web' AND NEW.approved_at IS NOT NULL AND (
    TG_OP = 'INSERT' OR NEW.approved_at IS DISTINCT FROM OLD.approved_at OR NEW.remote_ranges <> OLD.remote_ranges
  ) THEN
    RAISE EXCEPTION 'only an operator approves the ranges of a receive connector'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approval_is_the_operators BEFORE INSERT OR UPDATE ON transport_receiveconnector
  FOR EACH ROW EXECUTE FUNCTION approval_is_the_operators();
"""
DROP_APPROVAL = """
DROP TRIGGER approval_is_the_operators ON transport_receiveconnector;
DROP FUNCTION approval_is_the_operators();
"""

# Who wrote to whom is shown of domains that are surely the tenant's: related to a verified one, or of the only tenant
# there is. A claim alone shows how often, and when.
REFUSALS = """
CREATE OR REPLACE FUNCTION relay_refusals()
RETURNS TABLE (domain varchar, refused bigint, last_at timestamptz, sender text, recipient text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.domain, sum(r.count)::bigint, max(r.at),
         CASE WHEN bool_or(is_sure.value) THEN (array_agg(r.sender ORDER BY r.at DESC))[1] ELSE '' END,
         CASE WHEN bool_or(is_sure.value) THEN (array_agg(r.recipient ORDER BY r.at DESC))[1] ELSE '' END
  FROM transport_relayrefusal r
  CROSS JOIN LATERAL (
    SELECT EXISTS (
      SELECT 1 FROM tenants_accepteddomain v
      WHERE v.tenant_id = app_tenant() AND v.verified_at IS NOT NULL
        AND (r.domain LIKE '%.' || v.domain OR v.domain LIKE '%.' || r.domain)
    ) OR NOT EXISTS (
      SELECT 1 FROM tenants_tenant t WHERE t.status = 'active' AND NOT t.is_platform AND t.id <> app_tenant()
    ) AS value
  ) is_sure
  WHERE r.at > now() - interval '7 days'
    AND NOT EXISTS (SELECT 1 FROM tenants_accepteddomain o WHERE o.domain = r.domain AND o.verified_at IS NOT NULL)
    AND (
      is_sure.value
      OR EXISTS (SELECT 1 FROM tenants_accepteddomain c WHERE c.tenant_id = app_tenant() AND c.domain = r.domain)
    )
  GROUP BY r.domain
  ORDER BY 2 DESC
  LIMIT 20
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0012_message_rate"), ("tenants", "0016_roles_of_api_keys")]
    operations = [
        migrations.RunSQL(APPROVAL, DROP_APPROVAL),
        migrations.RunSQL(REFUSALS, migrations.RunSQL.noop),
    ]
