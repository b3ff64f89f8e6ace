"""`/metrics` for Prometheus: what the daemons counted, what the queues hold, who is alive, and what presses.

Nothing names a tenant. Every process tells its figures with its heart-beat, so any web process can answer for all.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any, Final

from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from typing_extensions import override

from postroom.health import check_all
from postroom.scoping import manages_scope
from tenants.scope import operator_scope
from transport.models import Heartbeat, PlatformTraffic, QueueFigures
from transport.smtpd.tally import BUCKETS

LEVELS: Final = {"normal": 0, "medium": 1, "high": 2}
STATES: Final = ("active", "ready", "retry", "held", "unreachable")
TRAFFIC: Final = ("received", "submitted", "sent", "delivered", "deferred", "failed")


@require_safe
@manages_scope
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape from this machine, or with the token of POSTROOM_METRICS_TOKEN; 403 for everybody else."""
    if not _may_scrape(request):
        return HttpResponse(
            "Scrape from this machine, or set POSTROOM_METRICS_TOKEN and send it as a bearer token.\n",
            content_type="text/plain",
            status=403,
        )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PlatformCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.POSTROOM_METRICS_TOKEN
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token:
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class PlatformCollector(Collector):
    """Reads everything anew at each scrape: some short tables, never the queue or the tracking log themselves."""

    @override
    def collect(self) -> Iterator[Metric]:
        checks = check_all()
        yield _gauge("postroom_up", "Whether a part of the platform answers.", "part", _ups(checks))
        if not checks[0].ok:
            return
        with operator_scope():
            beats = [*Heartbeat.objects.order_by("process")]
            waiting = QueueFigures.objects.aggregate(**{state: Sum(state) for state in STATES})
            traffic = PlatformTraffic.objects.aggregate(**{name: Sum(name) for name in TRAFFIC})
        yield from _heartbeats(beats)
        yield _gauge(
            "postroom_queued_recipients", "Recipients that wait, by state.", "state", _numbers(waiting.items())
        )
        counter = CounterMetricFamily(
            "postroom_mail",
            "Messages received and submitted, recipients sent, delivered, deferred and failed, by the tracking log.",
            labels=["event"],
        )
        for name, number in _numbers(traffic.items()):
            counter.add_metric([name], number)
        yield counter
        yield from _daemons([beat for beat in beats if beat.kind == "smtpd" and beat.detail])


def _ups(checks: Iterable[Any]) -> Iterator[tuple[str, float]]:
    return ((check.name, float(check.ok)) for check in checks)


def _numbers(values: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, float]]:
    return ((name, float(number or 0)) for name, number in values)


def _gauge(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values:
        family.add_metric([value], number)
    return family


def _heartbeats(beats: Iterable[Heartbeat]) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "postroom_heartbeat_age_seconds", "Seconds since a process's last sign of life.", labels=["kind", "process"]
    )
    now = timezone.now()
    for beat in beats:
        family.add_metric([beat.kind, beat.process], max(0.0, (now - beat.at).total_seconds()))
    yield family


def _daemons(beats: list[Heartbeat]) -> Iterator[Metric]:
    yield _gauge("postroom_smtp_sessions", "Open SMTP sessions.", "process", _of(beats, "sessions"))
    yield _gauge("postroom_smtp_uncommitted", "Messages that wait for their commit.", "process", _of(beats, "waiting"))
    for name, key, text in (
        ("postroom_smtp_connections", "connections", "SMTP connections since the process began."),
        ("postroom_smtp_accepted", "accepted", "Messages accepted, which is on disk, since the process began."),
        ("postroom_smtp_accepted_bytes", "octets", "Octets of the messages accepted."),
    ):
        counter = CounterMetricFamily(name, text, labels=["process"])
        for process, number in _of(beats, key):
            counter.add_metric([process], number)
        yield counter
    yield _refusals(beats)
    yield _durations(beats)
    yield from _pressure(beats)


def _of(beats: Iterable[Heartbeat], key: str) -> Iterator[tuple[str, float]]:
    return ((beat.process, float(beat.detail.get(key, 0))) for beat in beats)


def _refusals(beats: Iterable[Heartbeat]) -> Metric:
    counter = CounterMetricFamily(
        "postroom_smtp_refused", "Commands answered 4xx or 5xx, by the codes.", labels=["process", "code", "enhanced"]
    )
    for beat in beats:
        for codes, number in beat.detail.get("refused", {}).items():
            code, _, enhanced = codes.partition(" ")
            counter.add_metric([beat.process, code, enhanced], number)
    return counter


def _durations(beats: Iterable[Heartbeat]) -> Metric:
    family = HistogramMetricFamily("postroom_smtp_accept_seconds", "From the end of DATA to 250.", labels=["process"])
    bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
    for beat in beats:
        total, buckets = 0, []
        for bound, number in zip(bounds, beat.detail.get("buckets", []), strict=False):
            total += number
            buckets.append((bound, total))
        if buckets:
            family.add_metric([beat.process], buckets, beat.detail.get("seconds", 0.0))
    return family


def _pressure(beats: Iterable[Heartbeat]) -> Iterator[Metric]:
    level = GaugeMetricFamily(
        "postroom_back_pressure_level",
        "Back pressure: 0 normal, 1 medium, 2 high.",
        labels=["process", "resource"],
    )
    reading = GaugeMetricFamily(
        "postroom_back_pressure_reading", "What the level follows from.", labels=["process", "resource"]
    )
    for beat in beats:
        for resource, word in beat.detail.get("levels", {}).items():
            level.add_metric([beat.process, resource], LEVELS.get(word, 0))
        for resource, number in beat.detail.get("readings", {}).items():
            reading.add_metric([beat.process, resource], number)
    yield level
    yield reading
