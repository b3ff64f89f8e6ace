from __future__ import annotations

from datetime import timedelta

import django.contrib.postgres.fields
from django.db import migrations, models

LEVELS = [
    ("none", "never"),
    ("opportunistic", "when the peer offers it"),
    ("required", "required"),
    ("certificate_validation", "required, with a valid certificate"),
    ("domain_validation", "required, with a valid certificate for a name"),
]
# On the way back the nearest level that there was takes the place of the new ones.
TO_REQUIRED = "UPDATE transport_sendconnector SET tls = 'required' WHERE tls LIKE '%validation'"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0018_hide_the_admins_log"),
        ("transport", "0021_bulk_operations"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="sendconnector", name="send_connector_tls_known"),
        migrations.AddField(
            model_name="sendconnector",
            name="connect_timeout",
            field=models.DurationField(
                db_default=timedelta(seconds=15),
                default=timedelta(seconds=15),
                verbose_name="time-out of connecting",
            ),
        ),
        migrations.AddField(
            model_name="sendconnector",
            name="error_policies",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=32),
                blank=True,
                db_default=[],
                default=list,
                help_text="Such as “550 5.7.1 transient”, “4xx 4.2.x permanent”, “dns transient”.",
                size=None,
                verbose_name="error policies",
            ),
        ),
        migrations.AddField(
            model_name="sendconnector",
            name="max_connections_per_host",
            field=models.PositiveSmallIntegerField(
                db_default=20, default=20, verbose_name="connections per host at most"
            ),
        ),
        migrations.AddField(
            model_name="sendconnector",
            name="protocol",
            field=models.CharField(
                choices=[("smtp", "SMTP"), ("lmtp", "LMTP")],
                db_default="smtp",
                default="smtp",
                max_length=8,
                verbose_name="protocol",
            ),
        ),
        migrations.AddField(
            model_name="sendconnector",
            name="tls_domain",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="For domain validation; empty: the smart host's, or by MX the recipient's domain.",
                max_length=253,
                verbose_name="name in the certificate",
            ),
        ),
        migrations.AlterField(
            model_name="sendconnector",
            name="tls",
            field=models.CharField(choices=LEVELS, default="opportunistic", max_length=24, verbose_name="TLS"),
        ),
        migrations.AddConstraint(
            model_name="sendconnector",
            constraint=models.CheckConstraint(
                condition=models.Q(("tls__in", [level for level, _ in LEVELS])), name="send_connector_tls_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="sendconnector",
            constraint=models.CheckConstraint(
                condition=models.Q(("protocol__in", ["smtp", "lmtp"])), name="send_connector_protocol_known"
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, TO_REQUIRED),
    ]
