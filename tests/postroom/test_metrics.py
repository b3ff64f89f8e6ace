"""/metrics: what Prometheus scrapes, and who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from transport.models import Heartbeat, PlatformTraffic
from transport.tracking.traffic import FORGOTTEN, forget

pytestmark = pytest.mark.django_db


def scrape(**headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def test_a_scrape_tells_what_the_daemons_counted_and_what_presses(db: None) -> None:
    detail = {
        "sessions": 3,
        "accepted": 5,
        "octets": 1000,
        "seconds": 0.5,
        "buckets": [0, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        "refused": {"550 5.1.1": 2},
        "levels": {"disk_used": "medium"},
        "readings": {"disk_used": 96.5},
    }
    Heartbeat.objects.create(process="smtpd/here/1", kind="smtpd", at=timezone.now(), detail=detail)
    found = scrape()
    process = ("process", "smtpd/here/1")
    assert found["postroom_smtp_accepted_total", frozenset({process})] == 5
    assert found["postroom_smtp_refused_total", frozenset({process, ("code", "550"), ("enhanced", "5.1.1")})] == 2
    assert found["postroom_smtp_accept_seconds_bucket", frozenset({process, ("le", "0.1")})] == 5
    assert found["postroom_smtp_accept_seconds_count", frozenset({process})] == 5
    assert found["postroom_back_pressure_level", frozenset({process, ("resource", "disk_used")})] == 1
    assert found["postroom_up", frozenset({("part", "database")})] == 1
    assert found["postroom_up", frozenset({("part", "worker")})] == 0


def test_the_counters_of_mail_never_fall(db: None) -> None:
    now = timezone.now()
    for days, number in ((40, 2), (39, 3), (1, 4)):
        PlatformTraffic.objects.create(hour=now - timedelta(days=days), sent=number)
    sent = ("postroom_mail_total", frozenset({("event", "sent")}))
    assert scrape()[sent] == 9
    forget(now)
    forget(now)
    assert scrape()[sent] == 9
    assert PlatformTraffic.objects.get(hour=FORGOTTEN).sent == 5


def test_only_this_machine_or_the_token_may_scrape(db: None, settings: Any) -> None:
    assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics").status_code == 403
    settings.POSTROOM_METRICS_TOKEN = "letmein"
    assert Client().get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 403
    assert scrape(authorization="Bearer letmein")
