from __future__ import annotations

from django.db import migrations, models

import tenants.identifiers
from tenants.rls import without_tenant

# What guards a log-in, ours and allauth's. Their own migrations made them before this one: see the dependencies.
TABLES = (
    "tenants_guesses",
    "tenants_passwordresetrequest",
    "account_emailaddress",
    "account_emailconfirmation",
    "mfa_authenticator",
    "socialaccount_socialaccount",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
    "usersessions_usersession",
    "django_session",
)

NARROW = "GRANT UPDATE (require_second_factor) ON tenants_tenant TO postroom_web;"
WIDEN = "REVOKE UPDATE (require_second_factor) ON tenants_tenant FROM postroom_web;"

# A tenant's request may ask whether a person has a second factor, and see nothing of it.
LOOK_UPS = """
CREATE FUNCTION has_second_factor(who uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM mfa_authenticator a WHERE a.user_id = who AND a.type IN ('totp', 'webauthn'))
$$;

CREATE FUNCTION lacks_second_factor(who uuid, here uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM tenants_tenant t WHERE t.id = here AND t.require_second_factor)
     AND NOT EXISTS (SELECT 1 FROM mfa_authenticator a WHERE a.user_id = who AND a.type IN ('totp', 'webauthn'))
$$;

REVOKE ALL ON FUNCTION has_second_factor(uuid), lacks_second_factor(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION has_second_factor(uuid), lacks_second_factor(uuid, uuid)
  TO postroom_web, postroom_flow, postroom_operator;
"""

DROP_LOOK_UPS = "DROP FUNCTION lacks_second_factor(uuid, uuid); DROP FUNCTION has_second_factor(uuid);"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0013_plans_and_limits"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("sessions", "0001_initial"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Guesses",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name": "guesses",
                "verbose_name_plural": "guesses",
            },
        ),
        migrations.CreateModel(
            name="PasswordResetRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("email", models.CharField(max_length=320, verbose_name="e-mail address")),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "password reset request",
                "verbose_name_plural": "password reset requests",
            },
        ),
        migrations.AddField(
            model_name="tenant",
            name="require_second_factor",
            field=models.BooleanField(
                default=False,
                help_text="Who has none is led to set one up before anything else.",
                verbose_name="members must use a second factor",
            ),
        ),
        migrations.RunSQL(NARROW, WIDEN),
        *[without_tenant(table) for table in TABLES],
        migrations.RunSQL(LOOK_UPS, DROP_LOOK_UPS),
    ]
