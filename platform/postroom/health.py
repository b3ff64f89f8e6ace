"""`/healthz`: this process serves. `/readyz`: so do database, broker, smtpd and worker, or what does not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from celery import current_app
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from postroom.scoping import manages_scope
from transport.models import Heartbeat

SILENCE = timedelta(seconds=15)
PROCESSES = ("smtpd", "worker", "beat")


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str = ""


@require_safe
@manages_scope
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@manages_scope
def readyz(request: HttpRequest) -> JsonResponse:
    checks = check_all()
    ready = all(check.ok for check in checks)
    answer = JsonResponse({"ready": ready, "checks": [asdict(check) for check in checks]}, status=200 if ready else 503)
    # Whoever asks, asks often: Django's log line for each 5xx would bury the reason why something is down.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def check_all() -> list[Check]:
    """Return one verdict per part of the platform; what the database cannot tell while it is away is not ok."""
    database = _check_database()
    if not database.ok:
        return [
            database,
            *(Check(name, False, "unknown while the database is away") for name in ("broker", *PROCESSES)),
        ]
    return [database, _check_broker(), *_check_processes()]


def _check_database() -> Check:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return Check("database", False, "does not answer")
    return Check("database", True)


def _check_broker() -> Check:
    try:
        with current_app.connection_for_write(connect_timeout=3) as broker:
            broker.ensure_connection(max_retries=1, timeout=3)
    except Exception:  # each transport raises its own driver's errors
        return Check("broker", False, "does not answer")
    return Check("broker", True)


def _check_processes() -> list[Check]:
    now = timezone.now()
    last: dict[str, timedelta] = {}
    for kind, at in Heartbeat.objects.filter(kind__in=PROCESSES).values_list("kind", "at"):
        last[kind] = min(last.get(kind, timedelta.max), now - at)
    return [_verdict(kind, last.get(kind)) for kind in PROCESSES]


def _verdict(kind: str, silence: timedelta | None) -> Check:
    if silence is None:
        return Check(kind, False, "never seen")
    if silence > SILENCE:
        return Check(kind, False, f"silent for {int(silence.total_seconds())} s")
    return Check(kind, True)
