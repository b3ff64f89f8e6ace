from __future__ import annotations

from django.db import migrations, models

# How many share the workers is everybody's to know; who they are, nobody's.
LOAD = """
CREATE FUNCTION worker_load()
RETURNS TABLE (tenants integer, weights integer, queues integer, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce((r.detail->>'tenants')::integer, 0), coalesce((r.detail->>'weights')::integer, 0),
         coalesce((r.detail->>'queues')::integer, 0), r.at
  FROM transport_rollup r WHERE r.name = 'queues'
$$;
REVOKE ALL ON FUNCTION worker_load() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION worker_load() TO postroom_web, postroom_flow, postroom_operator;
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0023_destinations")]

    operations = [
        migrations.AddField(
            model_name="rollup",
            name="detail",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.RunSQL(LOAD, "DROP FUNCTION worker_load()"),
    ]
