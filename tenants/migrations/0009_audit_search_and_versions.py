from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import tenants.identifiers
from tenants.rls import append_only, guard

# Housekeeping, of the mail flow, thins out old versions; nobody changes one.
THINNED_OUT = "GRANT DELETE ON tenants_configurationversion TO postroom_flow"
KEPT_WHOLE = "REVOKE DELETE ON tenants_configurationversion FROM postroom_flow"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0008_app_passwords"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConfigurationVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("object_type", models.CharField(max_length=64, verbose_name="kind of object")),
                ("object_id", models.UUIDField()),
                ("object_name", models.CharField(max_length=320, verbose_name="object")),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                ("at", models.DateTimeField(verbose_name="time")),
                ("actor_kind", models.CharField(max_length=16, verbose_name="kind of actor")),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("actor_name", models.CharField(max_length=320, verbose_name="actor")),
                ("action", models.CharField(max_length=64, verbose_name="action")),
                ("reverted_to", models.PositiveIntegerField(null=True, verbose_name="back to version")),
                ("picture", models.JSONField(null=True)),
                ("config_version", models.BigIntegerField()),
                ("event_id", models.UUIDField(null=True)),
            ],
            options={
                "verbose_name": "configuration version",
                "verbose_name_plural": "configuration versions",
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="auditevent",
            name="actor_key",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower("actor_name"),
                output_field=models.CharField(db_collation="C", max_length=640),
            ),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="noun",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func(models.F("action"), models.Value("."), models.Value(1), function="split_part"),
                output_field=models.CharField(max_length=64),
            ),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="object_key",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower("object_name"),
                output_field=models.CharField(db_collation="C", max_length=640),
            ),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="reverted_to",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["tenant", "noun", "-id"], name="audit_by_noun"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["tenant", "actor_id", "-id"], name="audit_by_actor"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["tenant", "actor_key", "-id"], name="audit_by_actors_name"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["tenant", "object_key", "-id"], name="audit_by_objects_name"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["tenant", "client_address", "-id"], name="audit_by_address"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["object_key", "-id"], name="audit_all_by_objects_name"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor_key", "-id"], name="audit_all_by_actors_name"),
        ),
        migrations.AddField(
            model_name="configurationversion",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="configurationversion",
            index=models.Index(fields=["tenant", "-id"], name="version_list"),
        ),
        migrations.AddIndex(
            model_name="configurationversion",
            index=models.Index(
                condition=models.Q(("number__gt", 50)), fields=["id"], name="version_of_the_often_changed"
            ),
        ),
        migrations.AddConstraint(
            model_name="configurationversion",
            constraint=models.UniqueConstraint(
                fields=("tenant", "object_type", "object_id", "number"), name="version_number_once_per_object"
            ),
        ),
        guard("tenants_configurationversion"),
        append_only("tenants_configurationversion"),
        migrations.RunSQL(THINNED_OUT, KEPT_WHOLE),
    ]
