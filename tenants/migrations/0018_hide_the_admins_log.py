from __future__ import annotations

from django.db import migrations

from tenants.rls import hide_from_web

# Django's admin writes down what operators did to rows of all tenants, by name. Its other tables say what models there
# are; nobody's session changes that.
READ_ONLY = """
REVOKE INSERT, UPDATE, DELETE ON django_content_type, auth_permission, auth_group, auth_group_permissions
  FROM postroom_web;
"""
WRITABLE = """
GRANT INSERT, UPDATE, DELETE ON django_content_type, auth_permission, auth_group, auth_group_permissions
  TO postroom_web;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0017_deletion"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [hide_from_web("django_admin_log"), migrations.RunSQL(READ_ONLY, WRITABLE)]
