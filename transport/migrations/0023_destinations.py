from __future__ import annotations

from django.db import migrations, models

from tenants.rls import hide_from_web

# Which hosts others write to is nobody's business; how many connections one gets, whoever writes to it may know.
ALLOWANCE = """
CREATE FUNCTION destination_allowance(wanted text)
RETURNS TABLE (connections smallint, reason varchar, reduced_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT d.connections, d.reason, d.reduced_at FROM transport_destination d WHERE d.endpoint = wanted
$$;
REVOKE ALL ON FUNCTION destination_allowance(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION destination_allowance(text) TO postroom_web, postroom_flow, postroom_operator;
"""


class Migration(migrations.Migration):
    dependencies = [("transport", "0022_send_connectors_whole")]

    operations = [
        migrations.CreateModel(
            name="Destination",
            fields=[
                (
                    "endpoint",
                    models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name="address"),
                ),
                ("host", models.CharField(max_length=255, verbose_name="host")),
                ("connections", models.PositiveSmallIntegerField(verbose_name="connections at most")),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="last reduced for"),
                ),
                ("reduced_at", models.DateTimeField(null=True, verbose_name="last reduced")),
                ("changed_at", models.DateTimeField(verbose_name="last changed")),
            ],
            options={
                "verbose_name": "destination",
                "verbose_name_plural": "destinations",
                "ordering": ["connections", "host", "endpoint"],
                "indexes": [
                    models.Index(fields=["connections", "host", "endpoint"], name="destinations_by_connections")
                ],
            },
        ),
        migrations.AddField(
            model_name="queue",
            name="connected_to",
            field=models.CharField(blank=True, db_default="", default="", max_length=320),
        ),
        hide_from_web("transport_destination"),
        migrations.RunSQL(ALLOWANCE, "DROP FUNCTION destination_allowance(text)"),
    ]
