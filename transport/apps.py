from __future__ import annotations

from django.apps import AppConfig


class TransportConfig(AppConfig):
    name = "transport"
    verbose_name = "Mail flow"
