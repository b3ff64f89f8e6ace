from __future__ import annotations

from django.db import migrations

# A tenant's session sees its own memberships only, and must not set the password of somebody who is also somebody
# elsewhere: an operator, or a member of another tenant, suspended or not.
BELONGS_ELSEWHERE = """
CREATE FUNCTION belongs_elsewhere(who uuid, here uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM tenants_membership m WHERE m.user_id = who AND m.tenant_id <> here)
      OR EXISTS (SELECT 1 FROM tenants_user u WHERE u.id = who AND u.is_operator)
$$;
REVOKE ALL ON FUNCTION belongs_elsewhere(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION belongs_elsewhere(uuid, uuid) TO postroom_web, postroom_flow, postroom_operator;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_narrow_grants")]
    operations = [migrations.RunSQL(BELONGS_ELSEWHERE, "DROP FUNCTION belongs_elsewhere(uuid, uuid)")]
