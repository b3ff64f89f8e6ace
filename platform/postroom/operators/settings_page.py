"""What the platform runs with: each setting of the environment, what it is, and where it comes from. Read only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# A name here is a variable of the environment and a setting of the same name. Secrets are named, never shown.
GROUPS: Final[tuple[tuple[str | Promise, tuple[tuple[str, str | Promise], ...]], ...]] = (
    (
        gettext_lazy("Where it runs"),
        (
            ("POSTROOM_HOSTNAME", gettext_lazy("The name that it greets with.")),
            ("POSTROOM_PUBLIC_URL", gettext_lazy("The address of the console, as people type it.")),
            ("POSTROOM_DATA_DIR", gettext_lazy("Its folder: secrets, certificates, the embedded database.")),
            ("POSTROOM_BIND", gettext_lazy("The local address that everything listens on.")),
            ("POSTROOM_WEB_PORT", gettext_lazy("Console, admin and API.")),
            ("POSTROOM_SMTP_PORT", gettext_lazy("Mail from other servers.")),
            ("POSTROOM_SUBMISSION_PORT", gettext_lazy("Mail from users, with STARTTLS.")),
            ("POSTROOM_SUBMISSIONS_PORT", gettext_lazy("Mail from users, encrypted from the start.")),
        ),
    ),
    (
        gettext_lazy("How much"),
        (
            ("POSTROOM_SMTPD_PROCESSES", gettext_lazy("Processes that receive mail.")),
            ("POSTROOM_WORKER_CONCURRENCY", gettext_lazy("Deliveries' processes of one worker.")),
        ),
    ),
    (
        gettext_lazy("Network"),
        (
            ("POSTROOM_DNS_SERVERS", gettext_lazy("Whom it asks; empty: as the machine does.")),
            ("POSTROOM_PRIVATE_NETWORKS", gettext_lazy("Private networks that next hops may lie in.")),
            ("POSTROOM_PROXY_NETWORKS", gettext_lazy("Load balancers, which have to send a PROXY header.")),
            ("POSTROOM_XCLIENT_NETWORKS", gettext_lazy("Filters that may tell for whom they speak by XCLIENT.")),
            ("ALLOWED_HOSTS", gettext_lazy("Names that the web answers to.")),
        ),
    ),
    (
        gettext_lazy("Trying out"),
        (
            ("POSTROOM_LAB", gettext_lazy("The small Internet on loopback; off in production.")),
            ("POSTROOM_DEMO", gettext_lazy("The demo tenant.")),
            ("DEBUG", gettext_lazy("Django's debugging; off in production.")),
        ),
    ),
    (
        gettext_lazy("Secrets and addresses of other services"),
        (
            ("SECRET_KEY", gettext_lazy("Signs sessions.")),
            ("POSTROOM_ENCRYPTION_KEYS", gettext_lazy("Encrypt what is kept of passwords of others.")),
            ("POSTROOM_ADMIN_PASSWORD", gettext_lazy("Of the first operator.")),
            ("DATABASE_URL", gettext_lazy("PostgreSQL; without it, the embedded one.")),
            ("CELERY_BROKER_URL", gettext_lazy("The broker; without it, PostgreSQL.")),
        ),
    ),
)
SECRETS: Final = frozenset(
    {"SECRET_KEY", "POSTROOM_ENCRYPTION_KEYS", "POSTROOM_ADMIN_PASSWORD", "DATABASE_URL", "CELERY_BROKER_URL"}
)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    value: str
    source: str
    help: str | Promise


def show(request: HttpRequest) -> HttpResponse:
    groups = [(label, list(_rows(names))) for label, names in GROUPS]
    context = {"title": _("Settings"), "groups": groups}
    return render(request, "admin/operators/settings.html", {**admin.site.each_context(request), **context})


def _rows(names: tuple[tuple[str, str | Promise], ...]) -> Iterator[Row]:
    for name, text in names:
        yield Row(name, _secret(name) if name in SECRETS else _plain(getattr(settings, name, "")), _source(name), text)


def _secret(name: str) -> str:
    return _("set; not shown") if getattr(settings, name, "") or _is_given(name) else _("not set")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, list | tuple):
        return ", ".join(":".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value) or "–"
    return str(value) or "–"


def _is_given(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _source(name: str) -> str:
    if os.environ.get(name):
        return _("environment")
    if os.environ.get(f"{name}_FILE"):
        return _("file that {name} names").format(name=f"{name}_FILE")
    kept = settings.POSTROOM_DATA_DIR / "secrets" / name.lower()
    return _("made at first start, kept in the data folder") if kept.exists() else _("default")
