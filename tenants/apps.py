from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Tenants"

    @override
    def ready(self) -> None:
        from tenants import guards  # noqa: F401 - registers its check; needs the apps to be there
