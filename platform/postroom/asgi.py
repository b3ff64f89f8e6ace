"""The web process's entry: console, admin and API under one ASGI application."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postroom.settings")
os.environ.setdefault("POSTROOM_DATABASE_ROLE", "web")

from django.core.asgi import get_asgi_application

from tenants.guards import refuse_unguarded

application = get_asgi_application()

refuse_unguarded()
