"""The operators' admin site: Django admin under one site of our own."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class OperatorsAdminSite(admin.AdminSite):
    site_header = _("Postroom operators")
    site_title = _("Postroom")
    index_title = _("The platform")


class OperatorsAdminConfig(AdminConfig):
    default_site = "postroom.operators.site.OperatorsAdminSite"
