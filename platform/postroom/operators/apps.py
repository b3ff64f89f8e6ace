from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class OperatorsConfig(AppConfig):
    name = "postroom.operators"
    verbose_name = "Operators"


class OperatorsAdminConfig(AdminConfig):
    default_site = "postroom.operators.site.OperatorsAdminSite"
