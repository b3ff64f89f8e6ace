from __future__ import annotations

from django.db import migrations, models

# Making and dropping days needs the tables' owner, which the workers are not: these functions run as theirs.
# Each makes or drops one day of one of the two tables, and nothing else. They give up on a lock after 2 s: the mail
# flow would have to wait behind them.
PARTITIONS = r"""
CREATE FUNCTION first_uuid7_of(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

CREATE FUNCTION make_day_partition(parent text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  child text := parent || '_' || to_char(day, 'YYYYMMDD');
  low uuid := first_uuid7_of(day::timestamp AT TIME ZONE 'UTC');
  high uuid := first_uuid7_of((day + 1)::timestamp AT TIME ZONE 'UTC');
BEGIN
  IF parent NOT IN ('transport_messagebody', 'transport_trackingevent') THEN
    RAISE EXCEPTION '% is not partitioned by day', parent;
  END IF;
  IF to_regclass(child) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
  EXECUTE format('REVOKE ALL ON %I FROM postroom_web, postroom_flow, postroom_operator', child);
  -- Rows of a day that nobody made in time lie in the default partition.
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_rest');
  EXECUTE format(
    'WITH late AS (DELETE FROM %I WHERE id >= $1 AND id < $2 RETURNING *) INSERT INTO %I SELECT * FROM late',
    parent || '_rest', child) USING low, high;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, low, high);
  RETURN true;
END $$;

-- A day of bodies stays while a delivery refers to one of its messages.
CREATE FUNCTION drop_day_partition(parent text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  child text := parent || '_' || to_char(day, 'YYYYMMDD');
BEGIN
  IF parent NOT IN ('transport_messagebody', 'transport_trackingevent') THEN
    RAISE EXCEPTION '% is not partitioned by day', parent;
  END IF;
  IF day > (now() AT TIME ZONE 'UTC')::date - 3 OR to_regclass(child) IS NULL THEN
    RETURN false;
  END IF;
  IF parent = 'transport_messagebody' AND EXISTS (
    SELECT 1 FROM transport_delivery
    WHERE message_id >= first_uuid7_of(day::timestamp AT TIME ZONE 'UTC')
      AND message_id < first_uuid7_of((day + 1)::timestamp AT TIME ZONE 'UTC')
  ) THEN
    RETURN false;
  END IF;
  EXECUTE format('DROP TABLE %I', child);
  RETURN true;
END $$;

CREATE FUNCTION day_partitions(parent text) RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT to_date(right(c.relname, 8), 'YYYYMMDD')
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = to_regclass(parent) AND c.relname ~ '_[0-9]{8}$'
  ORDER BY 1
$$;

REVOKE ALL ON FUNCTION make_day_partition(text, date), drop_day_partition(text, date), day_partitions(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_day_partition(text, date), drop_day_partition(text, date), day_partitions(text)
  TO postroom_flow;
SELECT make_day_partition(parent, (now() AT TIME ZONE 'UTC')::date + ahead)
FROM unnest(ARRAY['transport_messagebody', 'transport_trackingevent']) AS parent, generate_series(0, 3) AS ahead;
"""

DROP_FUNCTIONS = """
DROP FUNCTION day_partitions(text);
DROP FUNCTION drop_day_partition(text, date);
DROP FUNCTION make_day_partition(text, date);
DROP FUNCTION first_uuid7_of(timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0002_partitions_and_guards")]
    operations = [
        migrations.AddField(
            "delivery",
            "pending",
            models.CharField(
                blank=True,
                choices=[
                    ("suspend", "Pending suspend"),
                    ("remove", "Pending remove"),
                    ("remove_with_ndr", "Pending remove, with a notice"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
        migrations.RunSQL(PARTITIONS, DROP_FUNCTIONS),
    ]
