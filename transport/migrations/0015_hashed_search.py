from __future__ import annotations

from django.db import migrations

# Whoever looks for a sender, a recipient or a Message-ID names it whole, so a hash finds it as well as the text does:
# eight octets that compare fast instead of sixty. With the texts, keeping these indexes cost the accept path more
# than all the rest of a tracking event. Queries compare the texts, too, as hashes may collide.
#
# Those that a tenant searches by are columns: row-level security lets it use no index over a function that could leak
# (design §12.8). The others are searched by operators only, who see all rows.
HASHES = """
DROP INDEX tracking_by_sender, tracking_by_recipient, tracking_by_message_id, tracking_by_subject;
ALTER TABLE transport_trackingevent
  DROP COLUMN sender_key, DROP COLUMN recipient_key, DROP COLUMN subject_key,
  ADD COLUMN sender_hash bigint GENERATED ALWAYS AS (hashtextextended(lower(sender), 0)) STORED,
  ADD COLUMN message_id_hash bigint GENERATED ALWAYS AS (hashtextextended(internet_message_id, 0)) STORED;
CREATE INDEX tracking_by_sender ON transport_trackingevent (sender_hash, id DESC);
CREATE INDEX tracking_by_recipient ON transport_trackingevent (hashtextextended(lower(recipients[1]), 0), id DESC);
CREATE INDEX tracking_by_message_id ON transport_trackingevent (message_id_hash, id DESC);
CREATE INDEX tracking_by_subject ON transport_trackingevent ((lower(left(subject, 60)) COLLATE "C"), id DESC);
"""

TEXTS = """
DROP INDEX tracking_by_subject, tracking_by_message_id, tracking_by_recipient, tracking_by_sender;
ALTER TABLE transport_trackingevent
  DROP COLUMN message_id_hash, DROP COLUMN sender_hash,
  ADD COLUMN sender_key text GENERATED ALWAYS AS (lower(sender)) STORED,
  ADD COLUMN recipient_key text GENERATED ALWAYS AS (lower(recipients[1])) STORED,
  ADD COLUMN subject_key text COLLATE "C" GENERATED ALWAYS AS (lower(left(subject, 60))) STORED;
CREATE INDEX tracking_by_sender ON transport_trackingevent (sender_key, id DESC);
CREATE INDEX tracking_by_recipient ON transport_trackingevent (recipient_key, id DESC);
CREATE INDEX tracking_by_message_id ON transport_trackingevent (internet_message_id, id DESC);
CREATE INDEX tracking_by_subject ON transport_trackingevent (subject_key, id DESC);
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0014_receive_connectors_whole")]
    operations = [migrations.RunSQL(HASHES, TEXTS)]
