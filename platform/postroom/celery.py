"""The Celery application. PostgreSQL is the truth; a task carries ids at most and wakes somebody up."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postroom.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # Django's checks import the whole web; a worker needs none of it

app = Celery("postroom", task_cls="tenants.scoped_task:ScopedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
