from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import guard


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0019_weight_of_plans"),
        ("transport", "0020_incidents"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkOperation",
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
                            ("resubmit", "Route again"),
                            ("suspend", "Suspend"),
                            ("resume", "Resume"),
                            ("redirect", "Redirect"),
                            ("undo_redirect", "Take redirections back"),
                            ("remove_with_ndr", "Remove, and tell the senders"),
                            ("remove", "Remove, and tell nobody"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                (
                    "over",
                    models.CharField(
                        choices=[("queues", "queues"), ("messages", "messages")], max_length=16, verbose_name="on"
                    ),
                ),
                ("filters", models.JSONField(default=dict, verbose_name="filter")),
                ("target", models.JSONField(default=dict, verbose_name="where to")),
                ("ids", models.JSONField(default=list)),
                ("changed_ids", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[("preview", "to be confirmed"), ("running", "under way"), ("done", "done")],
                        default="preview",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(max_length=64)),
                ("actor_name", models.CharField(max_length=320, verbose_name="by")),
                ("client_address", models.GenericIPAddressField(null=True, verbose_name="from")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="previewed")),
                ("confirmed_at", models.DateTimeField(null=True, verbose_name="confirmed")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("touched_at", models.DateTimeField(null=True)),
                ("queues", models.PositiveIntegerField(default=0, verbose_name="queues")),
                ("messages", models.PositiveIntegerField(default=0, verbose_name="messages")),
                ("has_more", models.BooleanField(default=False)),
                ("total", models.PositiveIntegerField(default=0)),
                ("position", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0, verbose_name="changed")),
                ("undoes_id", models.UUIDField(null=True)),
                ("undone_by_id", models.UUIDField(null=True)),
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
                "verbose_name": "bulk operation",
                "verbose_name_plural": "bulk operations",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant", "-id"], name="bulk_operations_of_tenant"),
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["touched_at"], name="running_bulk_operations"
                    ),
                ],
            },
        ),
        guard("transport_bulkoperation"),
        # A tenant's people preview, confirm and undo; what there was stays, until housekeeping takes it.
        migrations.RunSQL(
            "REVOKE DELETE ON transport_bulkoperation FROM postroom_web",
            "GRANT DELETE ON transport_bulkoperation TO postroom_web",
        ),
    ]
