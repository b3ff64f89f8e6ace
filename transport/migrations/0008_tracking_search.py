from __future__ import annotations

from django.db import migrations

# Searching over all tenants: keys that are stored in lower case (design §12.8), each with the id behind it, so that
# the newest come first without a sort. The accept path pays for each index: a letter to one recipient, as nearly all
# are, goes by a plain column, and what goes well is not indexed by its event.
KEYS = """
CREATE FUNCTION tracking_keys(names text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN string_to_array(lower(array_to_string(names, E'\\n')), E'\\n');
END $$;
ALTER TABLE transport_trackingevent
  ADD COLUMN sender_key text GENERATED ALWAYS AS (lower(sender)) STORED,
  ADD COLUMN recipient_key text GENERATED ALWAYS AS (lower(recipients[1])) STORED,
  ADD COLUMN subject_key text COLLATE "C" GENERATED ALWAYS AS (lower(left(subject, 60))) STORED;
CREATE INDEX tracking_by_sender ON transport_trackingevent (sender_key, id DESC);
CREATE INDEX tracking_by_recipient ON transport_trackingevent (recipient_key, id DESC);
CREATE INDEX tracking_by_further_recipient ON transport_trackingevent USING gin (tracking_keys(recipients))
  WHERE cardinality(recipients) > 1;
CREATE INDEX tracking_by_message_id ON transport_trackingevent (internet_message_id, id DESC);
CREATE INDEX tracking_by_subject ON transport_trackingevent (subject_key, id DESC);
CREATE INDEX tracking_trouble ON transport_trackingevent (event_id, id DESC)
  WHERE event_id NOT IN ('RECEIVE', 'SEND', 'DELIVER');
CREATE INDEX tracking_trouble_of_tenant ON transport_trackingevent (tenant_id, event_id, id DESC)
  WHERE event_id NOT IN ('RECEIVE', 'SEND', 'DELIVER');
"""

DROP_KEYS = """
DROP INDEX tracking_trouble_of_tenant, tracking_trouble, tracking_by_subject, tracking_by_message_id,
  tracking_by_further_recipient, tracking_by_recipient, tracking_by_sender;
ALTER TABLE transport_trackingevent DROP COLUMN subject_key, DROP COLUMN recipient_key, DROP COLUMN sender_key;
DROP FUNCTION tracking_keys(text[]);
"""

# As before, but late rows are moved without the columns that the database makes itself.
MAKE_DAY = r"""
CREATE OR REPLACE FUNCTION make_day_partition(parent text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  child text := parent || '_' || to_char(day, 'YYYYMMDD');
  low uuid := first_uuid7_of(day::timestamp AT TIME ZONE 'UTC');
  high uuid := first_uuid7_of((day + 1)::timestamp AT TIME ZONE 'UTC');
  given text;
BEGIN
  IF parent NOT IN ('transport_messagebody', 'transport_trackingevent') THEN
    RAISE EXCEPTION '% is not partitioned by day', parent;
  END IF;
  IF to_regclass(child) IS NOT NULL THEN
    RETURN false;
  END IF;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO given FROM pg_attribute
  WHERE attrelid = to_regclass(parent) AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
  EXECUTE format('REVOKE ALL ON %I FROM postroom_web, postroom_flow, postroom_operator', child);
  -- Rows of a day that nobody made in time lie in the default partition.
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_rest');
  EXECUTE format(
    'WITH late AS (DELETE FROM %1$I WHERE id >= $1 AND id < $2 RETURNING %3$s) '
    'INSERT INTO %2$I (%3$s) SELECT %3$s FROM late', parent || '_rest', child, given) USING low, high;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, low, high);
  RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0007_operators_figures")]
    operations = [
        migrations.RunSQL(MAKE_DAY, migrations.RunSQL.noop),
        migrations.RunSQL(KEYS, DROP_KEYS),
    ]
