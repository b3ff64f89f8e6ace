from __future__ import annotations

from django.db import migrations

# Before an owner makes second factors a must, and afterwards: whom that concerns. Nothing else of theirs is told.
LOOK_UP = """
CREATE FUNCTION members_with_second_factor() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m.user_id FROM tenants_membership m
  WHERE m.tenant_id = app_tenant()
    AND EXISTS (SELECT 1 FROM mfa_authenticator a WHERE a.user_id = m.user_id AND a.type IN ('totp', 'webauthn'))
$$;
REVOKE ALL ON FUNCTION members_with_second_factor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION members_with_second_factor() TO postroom_web, postroom_flow, postroom_operator;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0014_sign_in")]
    operations = [migrations.RunSQL(LOOK_UP, "DROP FUNCTION members_with_second_factor()")]
