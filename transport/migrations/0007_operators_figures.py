from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import guard, hide_from_web

# A tenant reads its own figures; the mail flow and operators' pages write them.
READ_ONLY = "REVOKE INSERT, UPDATE, DELETE ON transport_queuefigures, transport_traffic FROM postroom_web"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0007_platform_tenant"),
        ("transport", "0006_more_messages_per_connection"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlatformTraffic",
            fields=[
                ("received", models.BigIntegerField(default=0, verbose_name="received from outside")),
                ("submitted", models.BigIntegerField(default=0, verbose_name="handed in by users")),
                ("sent", models.BigIntegerField(default=0, verbose_name="sent to other hosts")),
                ("delivered", models.BigIntegerField(default=0, verbose_name="delivered to mailboxes")),
                ("deferred", models.BigIntegerField(default=0, verbose_name="delayed")),
                ("failed", models.BigIntegerField(default=0, verbose_name="failed")),
                ("bytes_in", models.BigIntegerField(default=0, verbose_name="bytes in")),
                ("hour", models.DateTimeField(primary_key=True, serialize=False, verbose_name="hour")),
            ],
            options={
                "verbose_name": "platform's traffic",
                "verbose_name_plural": "platform's traffic",
                "ordering": ["-hour"],
            },
        ),
        migrations.CreateModel(
            name="RollUp",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("mark", models.UUIDField(null=True)),
                ("at", models.DateTimeField(null=True)),
                ("milliseconds", models.PositiveIntegerField(default=0)),
            ],
            options={
                "verbose_name": "roll-up",
                "verbose_name_plural": "roll-ups",
            },
        ),
        migrations.AlterModelOptions(
            name="mailboxbody",
            options={"verbose_name": "mailbox body", "verbose_name_plural": "mailbox bodies"},
        ),
        migrations.AlterModelOptions(
            name="messagebody",
            options={"managed": False, "verbose_name": "message body", "verbose_name_plural": "message bodies"},
        ),
        migrations.CreateModel(
            name="QueueOperation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "verb",
                    models.CharField(
                        choices=[
                            ("retry", "Retry now"),
                            ("suspend", "Suspend"),
                            ("resume", "Resume"),
                            ("remove_with_ndr", "Remove all messages, and tell the senders"),
                            ("remove", "Remove all messages, and tell nobody"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                ("filters", models.JSONField(default=dict, verbose_name="filter")),
                ("queue_ids", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[("preview", "to be confirmed"), ("running", "under way"), ("done", "done")],
                        default="preview",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("operator_id", models.UUIDField()),
                ("operator_name", models.CharField(max_length=320, verbose_name="operator")),
                ("client_address", models.GenericIPAddressField(null=True, verbose_name="from")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="previewed")),
                ("confirmed_at", models.DateTimeField(null=True, verbose_name="confirmed")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("touched_at", models.DateTimeField(null=True)),
                ("queues", models.PositiveIntegerField(default=0, verbose_name="queues")),
                ("messages", models.PositiveBigIntegerField(default=0, verbose_name="messages")),
                ("tenants", models.PositiveIntegerField(default=0, verbose_name="tenants")),
                ("position", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0, verbose_name="queues changed")),
                ("skipped", models.PositiveIntegerField(default=0, verbose_name="queues left alone")),
                ("removed", models.PositiveBigIntegerField(default=0, verbose_name="recipients removed")),
            ],
            options={
                "verbose_name": "queue operation",
                "verbose_name_plural": "queue operations",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["touched_at"], name="running_operations"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="QueueFigures",
            fields=[
                ("queue_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "delivery_type",
                    models.CharField(
                        choices=[
                            ("smtp_delivery_to_mailbox", "mailbox"),
                            ("dns_connector_delivery", "MX"),
                            ("smart_host_connector_delivery", "smart host"),
                            ("unreachable", "unreachable"),
                        ],
                        max_length=32,
                        verbose_name="delivery type",
                    ),
                ),
                ("next_hop_domain", models.CharField(max_length=512, verbose_name="next hop domain")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("connecting", "Connecting"),
                            ("ready", "Ready"),
                            ("retry", "Retry"),
                            ("suspended", "Suspended"),
                            ("unreachable", "Unreachable"),
                        ],
                        max_length=16,
                        verbose_name="status",
                    ),
                ),
                ("suspended", models.BooleanField(verbose_name="suspended")),
                ("messages", models.IntegerField(verbose_name="messages")),
                ("deliveries", models.IntegerField(verbose_name="recipients")),
                ("active", models.IntegerField()),
                ("ready", models.IntegerField()),
                ("retry", models.IntegerField()),
                ("held", models.IntegerField()),
                ("unreachable", models.IntegerField()),
                ("oldest_at", models.DateTimeField(null=True, verbose_name="oldest")),
                ("next_retry_at", models.DateTimeField(null=True, verbose_name="next retry")),
                ("reason", models.CharField(blank=True, max_length=64, verbose_name="reason")),
                ("endpoint", models.CharField(blank=True, max_length=300, verbose_name="server")),
                ("peer_text", models.TextField(blank=True)),
                ("error_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "queue's figures",
                "verbose_name_plural": "queues' figures",
                "indexes": [models.Index(fields=["tenant"], name="figures_of_tenant")],
            },
        ),
        migrations.CreateModel(
            name="Traffic",
            fields=[
                ("received", models.BigIntegerField(default=0, verbose_name="received from outside")),
                ("submitted", models.BigIntegerField(default=0, verbose_name="handed in by users")),
                ("sent", models.BigIntegerField(default=0, verbose_name="sent to other hosts")),
                ("delivered", models.BigIntegerField(default=0, verbose_name="delivered to mailboxes")),
                ("deferred", models.BigIntegerField(default=0, verbose_name="delayed")),
                ("failed", models.BigIntegerField(default=0, verbose_name="failed")),
                ("bytes_in", models.BigIntegerField(default=0, verbose_name="bytes in")),
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="hour")),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "traffic",
                "verbose_name_plural": "traffic",
                "ordering": ["-hour"],
                "indexes": [models.Index(fields=["hour"], name="traffic_by_hour")],
                "constraints": [models.UniqueConstraint(fields=("tenant", "hour"), name="traffic_once_per_hour")],
            },
        ),
        guard("transport_queuefigures"),
        guard("transport_traffic"),
        migrations.RunSQL(READ_ONLY, migrations.RunSQL.noop),
        hide_from_web("transport_rollup"),
        hide_from_web("transport_platformtraffic"),
        hide_from_web("transport_queueoperation"),
    ]
